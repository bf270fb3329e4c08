"""One file a format, which turns a folder into frames and says how their labels are encoded; `table` lists them."""
