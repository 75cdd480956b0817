"""HTML pages taken apart, for tests of what is in them."""

from html.parser import HTMLParser

HOSTILE = '<script>alert("x")</script>'
VOID = {"meta", "img", "link", "br", "hr", "input"}


class Page(HTMLParser):
    """A parsed page: tags, attributes, texts, and whether tags are closed in order."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.stack, self.texts, self.balanced = [], [], [], True
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag):
        self.balanced &= bool(self.stack) and self.stack.pop() == tag

    def handle_data(self, data):
        if data.strip() and self.stack and self.stack[-1] != "style":
            self.texts.append(" ".join(data.split()))

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def loaded(self):
        """Addresses of all that the page names."""
        keys = ("src", "href", "srcset", "data", "action")
        return [tag[key] for _, tag in self.tags for key in keys if tag.get(key)]
