/** Line icons on a grid of 24, drawn for this page. */
import { html } from "../view.js";

const PATHS = {
  undo: "M4 9h10a6 6 0 0 1 0 12h-3M4 9l5-5M4 9l5 5",
  redo: "M20 9H10a6 6 0 0 0 0 12h3M20 9l-5-5M20 9l-5 5",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  close: "M6 6l12 12M18 6L6 18",
  check: "M5 12.5l4.5 4.5L19 7.5",
  upload: "M12 16V4M7 9l5-5 5 5M4 16v4h16v-4",
  download: "M12 4v12M7 11l5 5 5-5M4 16v4h16v-4",
  camera: "M4 8h3l2-3h6l2 3h3v11H4zM12 10a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7",
  search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13M15.5 15.5L21 21",
  key: "M8 11a4 4 0 1 0 0 8 4 4 0 0 0 0-8M11 12l9-9M16 7l3 3",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 2v3M12 19v3M2 12h3M19 12h3M5 5l2 2M17 17l2 2M19 5l-2 2M7 17l-2 2",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.500 10.500",
  auto: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M12 3v18M12 7l6 2M12 11l8 1M12 15l7 1",
  single: "M4 5h16v14H4z",
  divider: "M4 5h16v14H4zM12 3v18M12 9l-4 3 4 3",
  sides: "M3 5h8v14H3zM13 5h8v14h-8z",
  eye: "M2 12s4-7 10-7 10 7 10 7-4 7-10 7S2 12 2 12M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6",
  fit: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  link: "M10 14a4 4 0 0 0 6 .5l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6-.5l-3 3a4 4 0 0 0 6 6l1-1",
  trash: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13",
  image: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15 9.500h.01",
  clock: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M12 7v5l3 2",
  alert: "M12 4L2.500 20h19zM12 10v4M12 17h.01",
  lasso: "M12 4c5 0 9 2.500 9 6s-4 6-9 6c-1.500 0-3-.2-4.300-.7M7.700 15.300C5 14.300 3 12.300 3 10c0-3.500 4-6 9-6M7 14a2.500 2.500 0 1 0 0 5 2.500 2.500 0 0 0 0-5M7 19c0 1.500-.5 2-1.500 3",
  brush: "M20 4c-6 3-10 7-12 11l2 2c4-2 8-6 10-13M7.500 15.500C5 15.500 5 18 3 19.500c3 1.500 7 .5 7-2",
  stop: "M6 6h12v12H6z",
};

/** @param {{name: keyof typeof PATHS}} props */
export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
    <path d=${PATHS[name]} />
  </svg>`;
}
