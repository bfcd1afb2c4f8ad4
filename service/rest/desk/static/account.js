// Signing out, on every page.
import { find } from "./dom.js";
import { send } from "./rest.js";

find("sign-out")?.addEventListener("click", async () => {
  await send("DELETE", "/v1/session");
  location.assign("/sign-in");
});
