import init from "./console.js";
init({ module_or_path: new URL("./console_bg.wasm", import.meta.url) }).catch((error) => {
  document.body.insertAdjacentText("beforeend", "The console could not start: " + error);
});
