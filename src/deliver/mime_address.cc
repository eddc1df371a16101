#include "deliver/mime_address.h"

#include <utility>

#include "base/text.h"

namespace postern::deliver {
namespace {

/// Reads one field value from left to right; an entry is collected and emitted at each separator.
class Reader {
 public:
  Reader(std::string_view in, Charsets& charsets, std::vector<Address>& out, AddressNotes& notes)
      : in_(in),
        charsets_(charsets),
        out_(out),
        notes_(notes),
        limit_(out.size() + max_addresses) {}

  void run() {
    while (at_ < in_.size() && !notes_.too_many) step();
    if (!notes_.too_many) emit();
  }

 private:
  void step() {
    const char c = in_[at_];
    if (c == '"' && quoted(phrase_)) return;
    if (c == '(') return comment();
    ++at_;
    if (c == '<') return angle();
    if (c == ',' || c == ';') {
      if (c == ';') in_group_ = false;
      return emit();
    }
    if (c == ':' && !in_group_ &&
        !has_at_sign_) {  // RFC 5322 §3.4: display-name ":" [group-list] ";"
      in_group_ = true;
      forget();
      return;
    }
    if (c == ' ' || c == '\t') {
      if (!raw_.empty()) blank_ = true;
      if (!phrase_.empty() && phrase_.back() != ' ') phrase_ += ' ';
      return;
    }
    if (c == '\\' && at_ < in_.size()) {
      phrase_ += in_[at_];
      raw_char(c);
      raw_ += in_[at_++];
      return;
    }
    phrase_ += c;
    raw_char(c);
  }

  /// Keeps the entry as it would be if it is a bare address: words apart by one blank, none around
  /// "@" and "." (RFC 5322 §4.4 allows comments and blanks there).
  void raw_char(char c) {
    const bool joins =
        c == '@' || c == '.' || raw_.empty() || raw_.back() == '@' || raw_.back() == '.';
    if (blank_ && !joins) raw_ += ' ';
    blank_ = false;
    if (c == '@') has_at_sign_ = true;
    raw_ += c;
  }

  /// Reads "..." at the cursor into `text` unquoted and into raw_ as it is. False when it never
  /// ends: then the quote stands for itself.
  bool quoted(std::string& text) {
    if (no_more_quotes_) return false;
    std::size_t end = at_ + 1;
    while (end < in_.size() && in_[end] != '"') end += in_[end] == '\\' ? 2 : 1;
    if (end >= in_.size()) {
      no_more_quotes_ = true;
      return false;
    }
    for (std::size_t i = at_ + 1; i < end; ++i) {
      if (in_[i] == '\\') ++i;
      text += in_[i];
    }
    raw_char('"');
    raw_ += in_.substr(at_ + 1, end - at_);
    at_ = end + 1;
    return true;
  }

  /// Skips "(...)", which may nest (RFC 5322 §3.2.2), and remembers the first one as a possible
  /// name.
  void comment() {
    const bool first = comment_.empty();
    int depth = 0;
    for (; at_ < in_.size(); ++at_) {
      const char c = in_[at_];
      if (c == '\\' && at_ + 1 < in_.size()) {
        ++at_;
        if (first) comment_ += in_[at_];
        continue;
      }
      if (c == ')' && --depth == 0) {
        ++at_;
        break;
      }
      if (first && depth > 0) comment_ += c;
      if (c == '(') ++depth;
    }
    if (!raw_.empty()) blank_ = true;
    if (!phrase_.empty() && phrase_.back() != ' ') phrase_ += ' ';
  }

  /// Reads up to ">"; without one, up to the next separator.
  void angle() {
    if (has_address_) {  // a comma was forgotten: what stands since the last ">" is the next name
      std::string next = phrase_.substr(name_end_);
      phrase_.resize(name_end_);
      emit();
      phrase_ = std::move(next);
    }
    raw_.clear();
    has_at_sign_ = false;
    blank_ = false;
    std::string unused;
    while (at_ < in_.size()) {
      const char c = in_[at_];
      if (c == '"' && quoted(unused)) continue;
      if (c == '(') {
        std::string name = std::exchange(comment_, "-");
        comment();
        comment_ = std::move(name);
        continue;
      }
      if (c == ',' && has_at_sign_ && raw_.front() != '@') break;
      ++at_;
      if (c == '>') break;
      if (c == ':' && !raw_.empty() && raw_.front() == '@') {  // RFC 5322 §4.4: obs-route
        raw_.clear();
        continue;
      }
      if (is_space(c)) {
        blank_ = !raw_.empty();
      } else {
        raw_char(c);
      }
    }
    address_ = std::exchange(raw_, std::string());
    has_address_ = true;
    blank_ = false;
    name_end_ = phrase_.size();
  }

  void forget() {
    phrase_.clear();
    raw_.clear();
    comment_.clear();
    address_.clear();
    has_address_ = false;
    has_at_sign_ = false;
    blank_ = false;
  }

  std::string name_of(std::string_view phrase) {
    const std::string text = unfold(phrase, charsets_, notes_.words);
    const std::string decoded = decode_words(text, charsets_, notes_.words);
    return std::string(trim(decoded));
  }

  void emit() {
    Address entry;
    if (has_address_) {
      // Text behind ">" is a name only when none stands in front.
      entry.name = name_of(phrase_.substr(0, name_end_));
      if (entry.name.empty()) entry.name = name_of(phrase_);
      const bool only_name = address_.find(' ') != std::string::npos && !has_at_sign_;
      (only_name && entry.name.empty() ? entry.name : entry.address) = address_;
    } else if (has_at_sign_) {
      split_bare(entry);
    } else if (raw_.find_first_of(" \"") == std::string::npos &&
               raw_.find("=?") == std::string::npos) {
      entry.address = raw_;  // a local name such as "root"
    } else {
      entry.name = name_of(phrase_);
    }
    if (entry.name.empty() && !entry.address.empty()) entry.name = name_of(comment_);
    entry.address = valid_utf8(entry.address);
    forget();
    if (entry.name.empty() && entry.address.empty()) return;
    if (out_.size() >= limit_) {
      notes_.too_many = true;
      return;
    }
    out_.push_back(std::move(entry));
  }

  /// `John Doe john@example.com`: the last word with "@" is the address, the others are the name.
  void split_bare(Address& entry) {
    std::size_t start = std::string::npos;
    std::size_t end = raw_.size();
    std::size_t word = 0;
    bool in_quotes = false;
    bool at_sign = false;
    for (std::size_t i = 0; i <= raw_.size(); ++i) {
      if (i == raw_.size() || (raw_[i] == ' ' && !in_quotes)) {
        if (at_sign) {
          start = word;
          end = i;
        }
        word = i + 1;
        at_sign = false;
      } else if (raw_[i] == '\\') {
        ++i;
      } else if (raw_[i] == '"') {
        in_quotes = !in_quotes;
      } else if (raw_[i] == '@' && !in_quotes) {
        at_sign = true;
      }
    }
    if (start == std::string::npos) start = 0;
    entry.address = raw_.substr(start, end - start);
    if (start > 0 || end < raw_.size()) {
      entry.name = name_of(raw_.substr(0, start) + raw_.substr(end));
    }
  }

  std::string_view in_;
  Charsets& charsets_;
  std::vector<Address>& out_;
  AddressNotes& notes_;
  std::size_t limit_;
  std::size_t at_ = 0;
  bool in_group_ = false;
  bool no_more_quotes_ = false;

  // The entry being read.
  std::string phrase_;   ///< unquoted, blanks collapsed
  std::string raw_;      ///< as written, without comments
  std::string comment_;  ///< the first comment
  std::string address_;  ///< what stood in <...>
  bool has_address_ = false;
  std::size_t name_end_ = 0;  ///< how much of phrase_ stands in front of <...>
  bool has_at_sign_ = false;
  bool blank_ = false;
};

}  // namespace

void read_addresses(std::string_view field, Charsets& charsets, std::vector<Address>& out,
                    AddressNotes& notes) {
  Reader(field, charsets, out, notes).run();
}

}  // namespace postern::deliver
