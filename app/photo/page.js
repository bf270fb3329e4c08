// The photo page in the browser: its height for whoever frames it, and the class under the pointer.

if (self !== top) {
  document.documentElement.classList.add('hrs-framed'); // inside the dashboard the page has a title already
  const tell = () => {
    const page = document.querySelector('.gradio-container');
    if (page) parent.postMessage({ hrsHeight: Math.ceil(page.getBoundingClientRect().height) }, '*');
  };
  setInterval(tell, 300); // Gradio swaps its container for another one, so that no observer lasts
}

const pixels = new WeakMap(); // of each mask's picture, drawn once

function colourAt(mask, x, y) {
  if (!pixels.has(mask)) {
    const canvas = document.createElement('canvas');
    Object.assign(canvas, { width: mask.naturalWidth, height: mask.naturalHeight });
    const context = canvas.getContext('2d', { willReadFrequently: true });
    context.drawImage(mask, 0, 0);
    pixels.set(mask, context);
  }
  return [...pixels.get(mask).getImageData(x, y, 1, 1).data.slice(0, 3)].join(',');
}

addEventListener('pointermove', (event) => {
  const stack = event.target.closest?.('.hrs-stack[data-classes]');
  for (const name of document.querySelectorAll('.hrs-name')) if (name.parentElement !== stack) name.remove();
  const mask = stack?.querySelector('.hrs-mask');
  if (!mask?.naturalWidth) return;
  const box = mask.getBoundingClientRect();
  const x = Math.floor(((event.clientX - box.left) / box.width) * mask.naturalWidth);
  const y = Math.floor(((event.clientY - box.top) / box.height) * mask.naturalHeight);
  if (x < 0 || y < 0 || x >= mask.naturalWidth || y >= mask.naturalHeight) return;
  const name = stack.querySelector('.hrs-name') ?? stack.appendChild(Object.assign(document.createElement('span'), { className: 'hrs-name' }));
  name.textContent = JSON.parse(stack.dataset.classes)[colourAt(mask, x, y)] ?? '';
  const left = event.clientX - box.left;
  Object.assign(name.style, left > box.width / 2 ? { left: '', right: `${box.width - left + 12}px` } : { left: `${left + 12}px`, right: '' });
  name.style.top = `${Math.min(event.clientY - box.top + 12, box.height - 28)}px`;
});
