// Draws every chart of the page. Colours of text and grid come from the style sheet, so light, dark and print need no redraw.
(function () {
  "use strict";
  for (const figure of document.querySelectorAll("figure")) {
    const chart = figure.querySelector(".chart");
    const { data, layout } = JSON.parse(figure.querySelector("script").textContent);
    const still = [...chart.childNodes];
    chart.replaceChildren();
    const config = {
      responsive: true,
      displaylogo: false,
      displayModeBar: true,
      modeBarButtonsToRemove: ["select2d", "lasso2d"],
      toImageButtonOptions: { filename: figure.id, scale: 2 },
    };
    Plotly.newPlot(chart, data, layout, config)
      .then(() => {
        // A viewBox lets the style sheet scale the drawing to the width of the paper.
        const scalable = () => {
          for (const drawing of chart.querySelectorAll(".main-svg")) {
            drawing.setAttribute("viewBox", `0 0 ${drawing.getAttribute("width")} ${drawing.getAttribute("height")}`);
          }
        };
        chart.on("plotly_afterplot", scalable);
        scalable();
      })
      .catch(problem => { chart.replaceChildren(...still, `This chart cannot be drawn here: ${problem.message}`); });
  }
})();
