// Words and lists of manual pages in mdoc(7).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace postern::app {

/// Text for roff: no escape, no request at the begin of a line, hyphens that can be copied.
std::string roff(std::string_view text);
/// A paragraph with its end, each sentence on a line of its own, as mdoc(7) wants it.
std::string prose(std::string_view text);
/// The arguments of a macro: words that are macros themselves lose their meaning by `\&`.
std::string argument(std::string_view text);
/// The begin of a page and its section NAME. Without a date: the same octets come from the same
/// source.
std::string head(std::string_view name, int section, std::string_view brief);
/// Pages by section and name, in the order of mdoc(7).
std::string references(std::vector<std::pair<int, std::string>> pages);
/// The sections of a made page of docs/: headings, paragraphs, tables whose first column is what a
/// row is about, and lists of "`name`: what it is". The title and the paragraph below it are left
/// out, and so are sentences about what the page is made from.
std::string mdoc_of_markdown(std::string_view page);

}  // namespace postern::app
