// Search and sort the table of galaxies. Without this script it can still be read.
(function () {
  "use strict";

  function value(row, column) {
    var cell = row.cells[column];
    var number = cell.getAttribute("data-value");
    return number === null ? cell.textContent : Number(number);
  }

  // Missing numbers come last, whatever the direction.
  function compare(first, second, direction) {
    if (typeof first === "string" || typeof second === "string") {
      return direction * String(first).localeCompare(String(second), undefined, { numeric: true });
    }
    if (isNaN(first) || isNaN(second)) {
      return (isNaN(first) ? 1 : 0) - (isNaN(second) ? 1 : 0);
    }
    return direction * (first - second);
  }

  function sort(table, header) {
    var direction = header.getAttribute("aria-sort") === "descending" ? 1 : -1;
    var column = header.cellIndex;
    var body = table.tBodies[0];
    var rows = Array.prototype.slice.call(body.rows);
    rows.sort(function (a, b) {
      return compare(value(a, column), value(b, column), direction);
    });
    rows.forEach(function (row) {
      body.appendChild(row);
    });
    Array.prototype.forEach.call(header.parentNode.cells, function (cell) {
      cell.removeAttribute("aria-sort");
    });
    header.setAttribute("aria-sort", direction === 1 ? "ascending" : "descending");
  }

  function search(table, text, count) {
    var words = text.toLowerCase().split(/\s+/).filter(Boolean);
    var shown = 0;
    Array.prototype.forEach.call(table.tBodies[0].rows, function (row) {
      var content = row.textContent.toLowerCase();
      row.hidden = !words.every(function (word) {
        return content.indexOf(word) !== -1;
      });
      shown += row.hidden ? 0 : 1;
    });
    count.textContent = shown + " shown";
  }

  Array.prototype.forEach.call(document.querySelectorAll("table.galaxies"), function (table) {
    var box = document.getElementById("search");
    var count = document.getElementById("shown");
    box.parentNode.hidden = false;
    box.addEventListener("input", function () {
      search(table, box.value, count);
    });
    Array.prototype.forEach.call(table.tHead.rows[0].cells, function (header) {
      var button = document.createElement("button");
      button.type = "button";
      button.textContent = header.textContent;
      header.textContent = "";
      header.appendChild(button);
      button.addEventListener("click", function () {
        sort(table, header);
      });
    });
  });
})();
