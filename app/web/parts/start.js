/** The view before there is a photo: what the page does, and the ways to start. */
import { html } from "../view.js";
import { SAMPLES, loading, refusal, take, takeSample } from "../state/photo.js";
import { load, problem, state, styles } from "../state/catalogue.js";
import { options } from "../state/options.js";
import { address } from "../state/service.js";
import { CameraButton, PickButton } from "./inlet.js";
import { Trouble } from "./trouble.js";
import { StylePicture } from "./style-picture.js";

export function Start() {
  return html`<section class="start" aria-busy=${loading.value}>
    <div class="start-words">
      <h1>Drop a photo.<br />Get a painting.</h1>
      <p class="lead">In ${styles.value.length || "many"} styles, in a moment. Your photo goes to this service and nowhere else.</p>
      <div class="row">
        <${PickButton} label="Choose a photo" kind="primary large" onFile=${take} />
        <${CameraButton} />
      </div>
      ${refusal.value && html`<${Trouble} problem=${refusal.value} />`}
      ${state.value === "failed" && problem.value && html`<${Trouble} problem=${problem.value} onAgain=${() => load(options.value.model)} />`}
      <div class="samples">
        <h2 class="small">Or start with one of these</h2>
        <ul class="row" role="list">
          ${SAMPLES.map(
            ({ id, title, credit }) => html`<li>
              <button class="sample" onClick=${() => takeSample(id)} title="Photo: ${credit}">
                <img src=${address(`web/samples/${id}.jpg`).href} alt=${title} width="96" height="72" />
              </button>
            </li>`,
          )}
        </ul>
      </div>
    </div>
    <ul class="wall" role="list" aria-label="Some of the styles">
      ${styles.value.slice(0, 24).map(
        (style) => html`<li key=${style.id}><${StylePicture} style=${style} /><span>${style.title}</span></li>`,
      )}
      ${state.value === "loading" && Array.from({ length: 24 }, () => html`<li class="blank"></li>`)}
    </ul>
  </section>`;
}
