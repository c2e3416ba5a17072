// Texts of a page that lie over one another: [how many texts, [[one, other], ...]].
() => {
  const texts = [], deep = node => {
    if (node.nodeType === 3 && node.data.trim()) {
      const range = document.createRange(); range.selectNodeContents(node);
      for (const r of range.getClientRects()) if (r.width > 1 && r.height > 1) texts.push([r, node.data.trim(), node.parentElement]);
    }
    if (node.nodeType === 1) {
      const style = getComputedStyle(node);
      if (style.display === "none" || style.visibility === "hidden" || ["SCRIPT", "STYLE"].includes(node.tagName) || node.id === "grid") return;
      if (node.tagName === "text" && node.getAttribute("fill") === "none") return;  // Bokeh writes each text's outline, too, unseen
      if (node.shadowRoot) node.shadowRoot.childNodes.forEach(deep);
    }
    node.childNodes.forEach(deep);
  };
  deep(document.body);
  const found = [];
  texts.sort((a, b) => a[0].top - b[0].top);
  for (let i = 0; i < texts.length; i++) for (let j = i + 1; j < texts.length && texts[j][0].top < texts[i][0].bottom - 2; j++) {
    const a = texts[i][0], b = texts[j][0];
    if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 2)
      found.push([texts[i][1], texts[j][1]]);
  }
  return [texts.length, found];
}
