"""One reader per public layout; each turns a folder into frames and says how their labels are encoded."""
