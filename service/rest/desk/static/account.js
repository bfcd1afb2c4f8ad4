// Signing out, on every page.
import { find } from "./dom.js";
import { refused } from "./notices.js";
import { send } from "./rest.js";

find("sign-out")?.addEventListener("click", async () => {
  try {
    await send("DELETE", "/v1/session");
    location.assign("/sign-in");
  } catch (error) {
    refused(error); // whoever goes away has to know that the session lives on
  }
});
