// What is right and wrong with an object, one thing at a time.

export function error(field, rule, message) {
  return { field, rule, message, severity: "error" };
}

export function warning(field, rule, message) {
  return { field, rule, message, severity: "warning" };
}
