// Draws every chart of the page in the page's own colours, and again when the reader switches between light and dark.
(function () {
  "use strict";
  const page = getComputedStyle(document.documentElement);
  const colour = name => page.getPropertyValue(name).trim();
  const config = () => ({
    background: "transparent",
    font: "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
    view: { stroke: null },
    axis: {
      labelColor: colour("--soft"), titleColor: colour("--ink"), titleFontWeight: 500, labelFontSize: 12, titleFontSize: 13, titlePadding: 10,
      gridColor: colour("--line"), domainColor: colour("--line"), tickColor: colour("--line"),
    },
    legend: { labelColor: colour("--ink"), labelFontSize: 12, symbolStrokeWidth: 3 },
  });
  const draw = () => {
    for (const figure of document.querySelectorAll("figure")) {
      const specification = JSON.parse(figure.querySelector("script").textContent);
      vegaEmbed(figure.querySelector(".chart"), specification, {
        mode: "vega-lite", actions: false, renderer: "svg", config: config(), tooltip: { theme: matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light" },
      }).catch(problem => { figure.querySelector(".chart").textContent = "This chart cannot be drawn here: " + problem.message; });
    }
  };
  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
})();
