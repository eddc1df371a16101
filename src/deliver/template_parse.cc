#include <fmt/core.h>

#include "base/text.h"
#include "deliver/template.h"
#include "deliver/template_expression.h"
#include "deliver/template_lexer.h"
#include "deliver/template_tree.h"

namespace postern::deliver {
namespace {

/// A piece of the template: text, or the contents of {{ }}.
struct Piece {
  bool action = false;
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// Splits a template into pieces, without comments and without the blanks that "-" trims.
class Cutter {
 public:
  Cutter(std::string_view text, SyntaxErrors& errors) : text_(text), errors_(errors) {}

  std::vector<Piece> run() {
    std::size_t at = 0;
    bool trim_next = false;
    while (at < text_.size() && !errors_.any()) {
      const std::size_t open = std::min(text_.find("{{", at), text_.size());
      Piece text{false, at, open};
      if (trim_next) {
        while (text.begin < text.end && is_space(text_[text.begin])) ++text.begin;
      }
      trim_next = false;
      Piece action{true, open + 2, open + 2};
      if (open < text_.size()) {
        const bool trim_front = minus_then_blank(open + 2);
        while (trim_front && text.end > text.begin && is_space(text_[text.end - 1])) --text.end;
        if (trim_front) action.begin += 2;
      }
      if (text.begin < text.end) pieces_.push_back(text);
      if (open < text_.size()) at = action_at(action, trim_next);
      if (open == text_.size()) break;
    }
    return std::move(pieces_);
  }

 private:
  bool minus_then_blank(std::size_t at) const {
    return at + 1 < text_.size() && text_[at] == '-' && is_space(text_[at + 1]);
  }

  /// Reads the action that begins at `action.begin`; returns the offset after its "}}".
  std::size_t action_at(Piece action, bool& trim_next) {
    const bool comment = text_.substr(action.begin, 2) == "/*";
    std::size_t from = action.begin;
    if (comment) {
      const std::size_t stop = text_.find("*/", action.begin + 2);
      if (stop == std::string_view::npos) errors_.add(action.begin, "a comment does not end");
      if (stop == std::string_view::npos) return text_.size();
      from = stop + 2;
    }
    action.end = end_of_action(from);
    if (errors_.any()) return text_.size();
    const std::size_t behind = action.end + 2;
    if (action.end >= from + 2 && text_[action.end - 1] == '-' && is_space(text_[action.end - 2])) {
      trim_next = true;
      --action.end;
    }
    if (!comment) {
      pieces_.push_back(action);
    } else if (!trim(text_.substr(from, action.end - from)).empty()) {
      errors_.add(from, "unexpected text after a comment");
    }
    return behind;
  }

  /// The offset of the action's "}}", ignoring those inside strings.
  std::size_t end_of_action(std::size_t from) {
    char quote = 0;
    for (std::size_t at = from; at < text_.size(); ++at) {
      const char c = text_[at];
      if (quote != 0) {
        if (c == '\\' && quote == '"') {
          ++at;
        } else if (c == quote) {
          quote = 0;
        }
      } else if (c == '"' || c == '`') {
        quote = c;
      } else if (c == '}' && at + 1 < text_.size() && text_[at + 1] == '}') {
        return at;
      }
    }
    errors_.add(from, "an action does not end: \"}}\" is missing");
    return text_.size();
  }

  std::string_view text_;
  SyntaxErrors& errors_;
  std::vector<Piece> pieces_;
};

/// Assembles pieces into blocks.
class Parser {
 public:
  Parser(std::string_view text, SyntaxErrors& errors)
      : text_(text), errors_(errors), places_(text), expressions_(text, places_, errors) {}

  std::vector<TemplateNode> run() {
    pieces_ = Cutter(text_, errors_).run();
    std::vector<TemplateNode> nodes = block(0);
    if (at_ < pieces_.size()) errors_.add(pieces_[at_].begin, "nothing is open here");
    return nodes;
  }

 private:
  /// The keyword at the start of an action, or "".
  std::string_view keyword(const Piece& piece) {
    if (!piece.action) return {};
    const std::string_view inside = trim(text_.substr(piece.begin, piece.end - piece.begin));
    std::size_t length = 0;
    while (length < inside.size() && is_template_word(inside[length])) ++length;
    const std::string_view word = inside.substr(0, length);
    for (const std::string_view known : {"if", "else", "end", "range", "with"}) {
      if (word == known) return known;
    }
    for (const std::string_view other : {"define", "template", "block", "break", "continue"}) {
      if (word == other) errors_.add(piece.begin, fmt::format("\"{}\" is not supported", word));
    }
    return {};
  }

  std::size_t behind(const Piece& piece, std::string_view word) const {
    return text_.find(word, piece.begin) + word.size();
  }

  /// Reports anything after "else" or "end" in their action.
  void bare(const Piece& piece, std::string_view word) {
    const std::size_t after = behind(piece, word);
    if (!trim(text_.substr(after, piece.end - after)).empty()) {
      errors_.add(after, fmt::format("unexpected text after \"{}\"", word));
    }
  }

  std::vector<TemplateNode> block(int depth) {
    std::vector<TemplateNode> nodes;
    while (at_ < pieces_.size() && !errors_.any()) {
      const Piece piece = pieces_[at_];
      const std::string_view word = keyword(piece);
      if (word == "end" || word == "else") return nodes;
      ++at_;
      if (!word.empty()) {
        nodes.push_back(control(piece, word, depth));
        continue;
      }
      TemplateNode node;
      if (piece.action) {
        node.kind = TemplateNode::Kind::output;
        node.place = places_.at(piece.begin);
        node.pipeline = expressions_.parse(piece.begin, piece.end);
      } else {
        node.text = std::string(text_.substr(piece.begin, piece.end - piece.begin));
      }
      nodes.push_back(std::move(node));
    }
    return nodes;
  }

  /// Parses if, range or with. `piece` begins with the keyword; the cursor is after it.
  TemplateNode control(const Piece& piece, std::string_view word, int depth) {
    TemplateNode node;
    node.kind = word == "if"      ? TemplateNode::Kind::conditional
                : word == "range" ? TemplateNode::Kind::range
                                  : TemplateNode::Kind::with;
    node.place = places_.at(piece.begin);
    if (depth >= max_template_nesting) {
      errors_.add(piece.begin, "blocks are nested too deeply");
      return node;
    }
    node.pipeline = expressions_.parse(behind(piece, word), piece.end);
    node.body = block(depth + 1);
    if (!still_open(piece, word)) return node;
    if (keyword(pieces_[at_]) == "else") {
      const Piece other = pieces_[at_++];
      const std::size_t after = behind(other, "else");
      const Piece rest{true, after, other.end};
      if (keyword(rest) == "if") {
        node.otherwise.push_back(control(rest, "if", depth + 1));
        return node;  // the chained "if" consumed the {{end}}
      }
      bare(other, "else");
      node.otherwise = block(depth + 1);
      if (!still_open(piece, word)) return node;
      if (keyword(pieces_[at_]) == "else") errors_.add(pieces_[at_].begin, "a second \"else\"");
    }
    if (!errors_.any()) bare(pieces_[at_], "end");
    ++at_;
    return node;
  }

  bool still_open(const Piece& piece, std::string_view word) {
    if (at_ >= pieces_.size()) {
      errors_.add(piece.begin, fmt::format("\"{}\" has no {{{{end}}}}", word));
    }
    return !errors_.any();
  }

  std::string_view text_;
  SyntaxErrors& errors_;
  Places places_;
  ExpressionParser expressions_;
  std::vector<Piece> pieces_;
  std::size_t at_ = 0;
};

}  // namespace

Result<Template> Template::parse(std::string_view text) {
  if (text.size() > max_template_size) {
    return fail(Fault::limit,
                fmt::format("1:1: a template has at most {} octets", max_template_size));
  }
  if (!is_utf8(text)) return fail(Fault::malformed, "1:1: a template is UTF-8 text");
  SyntaxErrors errors;
  auto tree = std::make_shared<TemplateTree>();
  tree->nodes = Parser(text, errors).run();
  if (errors.any()) {
    Place place;
    advance(text, 0, errors.at(), place);
    return fail(Fault::malformed,
                fmt::format("{}:{}: {}", place.line, place.column, errors.message()));
  }
  return Template(std::move(tree));
}

}  // namespace postern::deliver
