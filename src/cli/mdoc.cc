#include "cli/mdoc.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "base/text.h"
#include "base/version.h"

namespace postern::app {

namespace {

/// Characters of made pages that terminals may lack, as roff's names for them.
constexpr std::pair<std::string_view, std::string_view> glyphs[] = {
    {"\u2192", "\\(->"}, {"\u00a7", "\\(sc"}, {"\u2026", "..."}};

/// Markdown within a line as text: neither backticks nor targets of links.
std::string plain(std::string_view markdown) {
  std::string out;
  bool is_code = false;
  for (std::size_t i = 0; i < markdown.size(); ++i) {
    const char c = markdown[i];
    if (c == '`') is_code = !is_code;
    if (c == '`' || (c == '*' && !is_code)) continue;
    if (c == '\\' && i + 1 < markdown.size() && markdown[i + 1] == '|') continue;
    if (c == '[' && !is_code) {
      const std::size_t middle = markdown.find("](", i);
      const std::size_t inner = markdown.find('[', i + 1);
      const std::size_t end = middle == markdown.npos ? middle : markdown.find(')', middle);
      if (end != markdown.npos && middle < inner) {
        out += plain(markdown.substr(i + 1, middle - i - 1));
        i = end;
        continue;
      }
    }
    out += c;
  }
  return out;
}

/// The cells of a row of a table; `\|` belongs to a cell.
std::vector<std::string> cells_of(std::string_view row) {
  std::vector<std::string> cells;
  std::string cell;
  for (std::size_t i = 1; i < row.size(); ++i) {
    if (row[i] == '|' && row[i - 1] != '\\') {
      cells.push_back(plain(trim(cell)));
      cell.clear();
    } else {
      cell += row[i];
    }
  }
  return cells;
}

/// A clause as a sentence.
std::string sentence(std::string text) {
  if (!text.empty() && std::string_view(".!?").find(text.back()) == std::string_view::npos) {
    text += '.';
  }
  return text;
}

/// Reads a page line by line; a paragraph or item ends with an empty line or the next one.
class Converter {
 public:
  void line(std::string_view text);
  std::string end() {
    close();
    return std::move(out_);
  }

 private:
  enum class Part : std::uint8_t { none, paragraph, item };

  void open() {
    if (!listed_) out_ += ".Bl -tag -width Ds\n";
    listed_ = true;
    begins_ = false;
  }
  void flush();
  void close() {
    flush();
    if (listed_) out_ += ".El\n";
    listed_ = false;
    columns_.clear();
  }
  void row(std::string_view text);

  std::string out_;
  std::string part_;
  Part kind_ = Part::none;
  bool listed_ = false;               ///< within .Bl
  bool begins_ = true;                ///< nothing since the heading: .Pp is not wanted
  bool titled_ = false;               ///< the title has been left out
  bool introduced_ = false;           ///< and the paragraph below it
  std::vector<std::string> columns_;  ///< of the table that is read
};

void Converter::flush() {
  const std::string text = std::exchange(part_, {});
  const Part kind = std::exchange(kind_, Part::none);
  if (kind == Part::item) {
    // "`name`: what it is"
    const std::size_t tag = text.find("`:");
    open();
    out_ += fmt::format(".It {}\n", argument(plain(text.substr(0, tag))));
    if (tag != text.npos) out_ += prose(plain(trim(text.substr(tag + 2))));
  } else if (kind == Part::paragraph) {
    if (titled_ && !introduced_) {
      introduced_ = true;
      return;
    }
    std::string_view rest = text;
    if (rest.starts_with("Made from ")) {
      const std::size_t next = rest.find(". ");
      rest = next == rest.npos ? std::string_view() : rest.substr(next + 2);
    }
    if (rest.empty()) return;
    out_ += (begins_ ? "" : ".Pp\n") + prose(plain(rest));
    begins_ = false;
  }
}

void Converter::row(std::string_view text) {
  if (text.starts_with("|---")) return;
  const std::vector<std::string> cells = cells_of(text);
  if (columns_.empty()) {
    flush();
    columns_ = cells;
    for (std::string& column : columns_) {
      if (!column.empty()) column = upper(column.substr(0, 1)) + column.substr(1);
    }
    return;
  }
  open();
  out_ += fmt::format(".It {}\n", argument(cells.at(0)));
  // Of two columns, the second needs no name.
  for (std::size_t i = 1; i < cells.size() && i < columns_.size(); ++i) {
    if (cells[i].empty()) continue;
    const bool named = columns_.size() > 2 && !columns_[i].empty();
    out_ += prose(sentence(named ? columns_[i] + ": " + cells[i] : cells[i]));
  }
}

void Converter::line(std::string_view text) {
  if (text.starts_with("# ")) {
    titled_ = true;
  } else if (text.starts_with("## ") || text.starts_with("### ")) {
    close();
    introduced_ = true;
    out_ += fmt::format(".Ss {}\n", argument(plain(text.substr(text.find(' ') + 1))));
    begins_ = true;
  } else if (text.empty()) {
    close();
  } else if (text.starts_with('|')) {
    row(text);
  } else if (text.starts_with("* ")) {
    flush();
    kind_ = Part::item;
    part_ = text.substr(2);
  } else {
    if (kind_ == Part::none) kind_ = Part::paragraph;
    part_ += (part_.empty() ? "" : " ") + std::string(trim(text));
  }
}

}  // namespace

std::string roff(std::string_view text) {
  std::string out;
  bool begins = true;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (begins && (c == '.' || c == '\'')) out += "\\&";
    begins = c == '\n';
    const auto* glyph = std::ranges::find_if(
        glyphs, [&](const auto& one) { return text.substr(i).starts_with(one.first); });
    if (glyph != std::end(glyphs)) {
      out += glyph->second;
      i += glyph->first.size() - 1;
      continue;
    }
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out;
}

std::string prose(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::size_t before = i;
    while (before > 0 && std::string_view(")\"'`]").find(text[before - 1]) != text.npos) --before;
    const bool ends = before > 0 && std::string_view(".!?").find(text[before - 1]) != text.npos;
    out += text[i] == ' ' && ends ? '\n' : text[i];
  }
  return roff(out) + "\n";
}

std::string argument(std::string_view text) {
  std::string quotes;
  for (const char c : roff(text)) quotes += c == '"' ? std::string("\\(dq") : std::string(1, c);
  return "\"\\&" + quotes + "\"";
}

std::string head(std::string_view name, int section, std::string_view brief) {
  return fmt::format(".Dd\n.Dt {} {}\n.Os \"Postern {}\"\n.Sh NAME\n.Nm {}\n.Nd {}\n",
                     upper(roff(name)), section, current_version().number, roff(name), roff(brief));
}

std::string references(std::vector<std::pair<int, std::string>> pages) {
  for (auto& [section, name] : pages) name = roff(name);  // mandoc compares what is written
  std::ranges::sort(pages);
  std::string out;
  for (const auto& [section, name] : pages) {
    out += fmt::format("{}.Xr {} {}", out.empty() ? "" : " ,\n", name, section);
  }
  return out + "\n";
}

std::string mdoc_of_markdown(std::string_view page) {
  Converter converter;
  for (const std::string_view text : split(page, '\n')) converter.line(text);
  return converter.end();
}

}  // namespace postern::app
