// In the component, lines go through the one interface that the host lends a behavior.
export { write } from "rosehip:behavior/log@1.0.0";
