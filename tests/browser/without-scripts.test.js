// Pages work without JavaScript, all but the tail: who looks again sees the same.
import { byMouse } from "./hands.js";
import { story } from "./story.js";

story(byMouse, { javaScriptEnabled: false });
