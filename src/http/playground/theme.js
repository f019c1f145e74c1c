// Before the first paint: the theme that was chosen last, if one was. Without one the system's is followed.
try {
  const theme = localStorage.getItem("glassbox-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // A browser that keeps nothing follows the system.
}
