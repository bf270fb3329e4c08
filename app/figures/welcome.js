// What this is, for somebody's first visit. Whether it was closed, or asked for, is remembered by the browser alone.
const CLOSED = "hrs.welcome.closed";
const ASKED = "hrs.welcome.asked";

export default function (component) {
  const { data, parentElement } = component;
  const panel = parentElement.querySelector(".welcome");
  const again = parentElement.querySelector(".again");
  panel.querySelector(".pictures").replaceChildren(...data.pictures.map(pictureOf));
  panel.querySelector(".words").replaceChildren(...data.words.map((text) => element("p", { textContent: text })));
  panel.querySelector("nav").replaceChildren(...data.doors.map(([text, href]) => element("a", { textContent: text, href, target: "_self" })));
  const show = (open) => {
    panel.hidden = !open;
    again.hidden = open;
  };
  panel.querySelector(".close").onclick = () => {
    localStorage.setItem(CLOSED, "yes");
    sessionStorage.removeItem(ASKED);
    show(false);
    again.querySelector("button").focus();
  };
  again.querySelector("button").onclick = () => {
    localStorage.removeItem(CLOSED);
    sessionStorage.setItem(ASKED, "yes");
    show(true);
    panel.querySelector(".close").focus();
  };
  show(Boolean(sessionStorage.getItem(ASKED)) || (data.first && !localStorage.getItem(CLOSED)));
}

function pictureOf({ source, caption, alt }) {
  const figure = document.createElement("figure");
  figure.append(element("img", { src: source, alt }), element("figcaption", { textContent: caption }));
  return figure;
}

function element(name, properties) {
  return Object.assign(document.createElement(name), properties);
}
