// Runs before the first paint (a plain script): the chosen theme, and the mark that scripts are there.
(() => {
  const root = document.documentElement;
  root.classList.add("scripted");
  if ("themeFixed" in root.dataset) return; // the stage is dark for everybody
  try {
    const theme = localStorage.getItem("giaoban:theme");
    if (theme === "dark" || theme === "light") root.dataset.theme = theme;
  } catch {
    // Storage may be forbidden; then the system's theme stays.
  }
})();
