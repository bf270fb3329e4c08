// A page of another server in a frame that is as high as the page says it is.

export default function ({ data, parentElement }) {
  let frame = parentElement.querySelector('iframe');
  if (!frame) {
    frame = document.createElement('iframe');
    frame.allow = 'camera; clipboard-read; clipboard-write; fullscreen';
    Object.assign(frame.style, { border: '0', width: '100%', display: 'block' });
    frame.height = data.height;
    parentElement.append(frame);
  }
  frame.title = data.title;
  if (frame.getAttribute('src') !== data.address) frame.src = data.address;
  const told = (event) => {
    const height = event.data?.hrsHeight;
    if (event.source === frame.contentWindow && Number.isFinite(height)) frame.height = Math.min(Math.max(height, 300), 20000);
  };
  window.addEventListener('message', told);
  return () => window.removeEventListener('message', told);
}
