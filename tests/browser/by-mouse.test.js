import { byMouse } from "./hands.js";
import { story } from "./story.js";

story(byMouse);
