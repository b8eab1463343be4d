/** Preact, its hooks, signals and htm, from one module, which all parts of the page use. */
import { h, render, Fragment } from "./vendor/preact.js";
import htm from "./vendor/htm.js";

export { h, render, Fragment };
export { useEffect, useLayoutEffect, useRef, useState, useMemo, useCallback } from "./vendor/hooks.js";
export { signal, computed, effect, batch, useSignal, useComputed, useSignalEffect } from "./vendor/signals.js";
export const html = htm.bind(h);
