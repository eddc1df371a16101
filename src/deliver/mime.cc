#include "deliver/mime.h"

#include <algorithm>

#include <fmt/core.h>

#include "base/text.h"
#include "deliver/mime_header.h"

namespace postern::deliver {
namespace {

/// Longest boundary that RFC 2046 §5.1.1 allows, and the longest we still go by.
constexpr std::size_t rfc_boundary = 70;
constexpr std::size_t max_boundary = 256;

/// A multipart whose end has not been seen.
struct Open {
  std::string boundary;
  std::string_view body;  ///< from its first octet to the end of the message
  bool digest = false;
  bool started = false;  ///< its boundary occurred
};

class Scanner {
 public:
  Scanner(std::string_view message, Charsets& charsets, const MimeLimits& limits)
      : message_(message), limits_(limits), header_(charsets, limits, view_) {}

  MessageView run() {
    std::size_t at = top_header();
    while (at < message_.size() && !stopped_) at = line(at);
    // A missing last delimiter is taken to stand at the end: its line end is the last one.
    if (!stopped_) close_to(0, message_.size(), open_.empty() ? Newline::kept : Newline::dropped);
    return std::move(view_);
  }

 private:
  /// Whether the line end before a delimiter belongs to it (RFC 2046 §5.1.1).
  enum class Newline { dropped, kept };
  enum class State { header, leaf, preamble, epilogue };

  std::string_view line_at(std::size_t at) const {
    const std::size_t end = message_.find('\n', at);
    return message_.substr(at, end == std::string_view::npos ? end : end + 1 - at);
  }

  void stop(std::string reason) {
    stopped_ = true;
    view_.parse_error = reason;
    view_.warnings.push_back("parsing stopped: " + std::move(reason));
  }

  std::size_t top_header() {
    const HeaderEnd end = header_.read_top(message_, view_.fields);
    if (!view_.parse_error.empty()) {
      stopped_ = true;
      return end.body;
    }
    begin_entity(header_.entity(view_.fields, "text/plain"), end.body);
    return end.body;
  }

  /// Handles the line at `at`; the position of the next one.
  std::size_t line(std::size_t at) {
    const std::string_view line = line_at(at);
    if (line.substr(0, 2) == "--" && delimiter(line, at)) return at + line.size();
    if (state_ != State::header) return at + line.size();
    if (entity_start_ == std::string_view::npos) entity_start_ = at;
    if (line == "\r\n" || line == "\n") {
      end_part_header(at + line.size());
      return at + line.size();
    }
    const std::string_view next = line_at(at + line.size());
    if (!header_.add_line(line, next)) end_part_header(at);
    if (!view_.parse_error.empty()) stopped_ = true;
    return at + line.size();
  }

  void end_part_header(std::size_t body) {
    const bool digest = !open_.empty() && open_.back().digest;
    part_fields_ = header_.take_fields();
    begin_entity(header_.entity(part_fields_, digest ? "message/rfc822" : "text/plain"), body);
  }

  /// An entity's header is known; its body starts at `body`.
  void begin_entity(Entity entity, std::size_t body) {
    entity_start_ = body;
    if (!entity.multipart) {
      leaf_ = std::move(entity.part);
      state_ = State::leaf;
      return;
    }
    if (entity.boundary.empty() || entity.boundary.size() > max_boundary) {
      view_.warnings.push_back("a multipart without a usable boundary is read as one text part");
      view_.ambiguous = true;
      leaf_ = PartView{};
      state_ = State::leaf;
      return;
    }
    if (entity.boundary.size() > rfc_boundary) {
      view_.warnings.push_back("a boundary is longer than 70 characters");
      view_.ambiguous = true;
    }
    if (open_.size() >= limits_.depth) {
      return stop(fmt::format("multiparts nested deeper than {}", limits_.depth));
    }
    open_.push_back({std::move(entity.boundary), message_.substr(std::min(body, message_.size())),
                     entity.digest, false});
    state_ = State::preamble;
  }

  /// If `line` is the delimiter of an open multipart, the outermost one that it fits, acts on it.
  bool delimiter(std::string_view line, std::size_t at) {
    std::string_view rest = line.substr(2);
    while (!rest.empty() && is_space(rest.back())) rest.remove_suffix(1);
    for (std::size_t level = 0; level < open_.size(); ++level) {
      const std::string& boundary = open_[level].boundary;
      if (rest.size() < boundary.size() || rest.substr(0, boundary.size()) != boundary) continue;
      const std::string_view tail = rest.substr(boundary.size());
      if (!tail.empty() && tail != "--") continue;
      on_delimiter(level, at, tail.empty() ? Delimiter::next : Delimiter::close);
      return true;
    }
    return false;
  }

  enum class Delimiter { next, close };
  void on_delimiter(std::size_t level, std::size_t at, Delimiter kind) {
    const bool empty_part = state_ == State::header && entity_start_ == std::string_view::npos &&
                            level + 1 == open_.size();
    if (!empty_part) close_to(level + 1, at, Newline::dropped);
    if (stopped_) return;
    open_[level].started = true;
    if (kind == Delimiter::close) {
      open_.resize(level);
      state_ = State::epilogue;
      return;
    }
    state_ = State::header;
    entity_start_ = std::string_view::npos;
    header_.take_fields();
  }

  /// Ends the current leaf and every multipart from `level` on, at offset `end`.
  void close_to(std::size_t level, std::size_t end, Newline newline) {
    if (state_ == State::header) {
      if (entity_start_ != std::string_view::npos) {
        end_part_header(end);  // a header without a body
      }
    }
    if (state_ == State::leaf && !stopped_) add_leaf(entity_start_, end, newline);
    while (open_.size() > level && !stopped_) {
      const Open multipart = std::move(open_.back());
      open_.pop_back();
      if (multipart.started) continue;
      view_.warnings.push_back("a multipart whose boundary never occurs is read as one text part");
      view_.ambiguous = true;
      leaf_ = PartView{};
      add_leaf(message_.size() - multipart.body.size(), end,
               open_.empty() ? Newline::kept : newline);
    }
    state_ = State::epilogue;
  }

  void add_leaf(std::size_t start, std::size_t end, Newline newline) {
    if (view_.parts.size() >= limits_.parts) {
      return stop(fmt::format("more than {} parts", limits_.parts));
    }
    start = std::min(start, message_.size());
    std::string_view body = message_.substr(start, end > start ? end - start : 0);
    if (newline == Newline::dropped) {
      if (!body.empty() && body.back() == '\n') body.remove_suffix(1);
      if (!body.empty() && body.back() == '\r') body.remove_suffix(1);
    }
    leaf_.body = body;
    view_.parts.push_back(std::move(leaf_));
    leaf_ = PartView{};
  }

  std::string_view message_;
  MimeLimits limits_;
  MessageView view_;
  HeaderReader header_;
  std::vector<FieldView> part_fields_;
  std::vector<Open> open_;
  State state_ = State::header;
  std::size_t entity_start_ = std::string_view::npos;  ///< npos in a header without any line yet
  PartView leaf_;
  bool stopped_ = false;
};

}  // namespace

bool PartView::is_body() const {
  return (type == "text/plain" || type == "text/html") && !filename &&
         (disposition.empty() || disposition == "inline");
}

const FieldView* MessageView::find(std::string_view name) const {
  for (const FieldView& field : fields) {
    if (iequals(field.name, name)) return &field;
  }
  return nullptr;
}

MessageView scan_message(std::string_view message, Charsets& charsets, const MimeLimits& limits) {
  return Scanner(message, charsets, limits).run();
}

}  // namespace postern::deliver
