#include "deliver/mime_words.h"

#include <optional>

#include "base/text.h"
#include "deliver/mime_transfer.h"

namespace postern::deliver {
namespace {

/// An encoded word: `=?charset*language?encoding?text?=` (RFC 2047 §2, RFC 2231 §5).
struct EncodedWord {
  std::string_view charset;
  bool base64 = false;
  std::string_view text;
  std::size_t length = 0;  ///< octets from "=?" to "?=", both included
};

bool is_hex(char c) { return is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'f'); }

/// Reads the encoded word at the start of `in`, which begins with "=?".
std::optional<EncodedWord> read_word(std::string_view in) {
  EncodedWord word;
  std::size_t at = 2;
  while (at < in.size() && at < 80 && in[at] != '?' && in[at] != ' ' && in[at] != '=') ++at;
  if (at >= in.size() || in[at] != '?') return std::nullopt;
  word.charset = in.substr(2, at - 2);
  word.charset = word.charset.substr(0, word.charset.find('*'));
  if (at + 2 >= in.size() || in[at + 2] != '?') return std::nullopt;
  const char encoding = to_lower(in[at + 1]);
  if (encoding != 'b' && encoding != 'q') return std::nullopt;
  word.base64 = encoding == 'b';
  const std::size_t start = at + 3;
  for (std::size_t i = start; i + 1 < in.size(); ++i) {
    // Another word begins inside this one: this one was never closed. ("=?=" ends a padded one.)
    if (in[i] == '=' && in[i + 1] == '?' && in.substr(i + 2, 1) != "=") return std::nullopt;
    if (in[i] != '?' || in[i + 1] != '=') continue;
    word.text = in.substr(start, i - start);
    word.length = i + 2;
    return word;
  }
  return std::nullopt;
}

std::string octets(const EncodedWord& word) {
  std::string out;
  if (word.base64) {
    TransferDecoder decoder(Transfer::base64);
    decoder.feed(word.text, out);
    decoder.finish(out);
    return out;
  }
  // RFC 2047 §4.2: "_" is a blank, "=XX" an octet.
  for (std::size_t i = 0; i < word.text.size(); ++i) {
    const char c = word.text[i];
    if (c == '=' && i + 2 < word.text.size() && is_hex(word.text[i + 1]) &&
        is_hex(word.text[i + 2])) {
      const auto digit = [&](char d) { return is_digit(d) ? d - '0' : to_lower(d) - 'a' + 10; };
      out += static_cast<char>(digit(word.text[i + 1]) << 4 | digit(word.text[i + 2]));
      i += 2;
    } else {
      out += c == '_' ? ' ' : c;
    }
  }
  return out;
}

/// Encoded words of one charset in a row: their octets are decoded together, since mailers cut
/// multi-byte characters between words.
class Run {
 public:
  Run(Charsets& charsets, WordNotes& notes) : charsets_(charsets), notes_(notes) {}

  void add(const EncodedWord& word, std::string& out) {
    if (!iequals(charset_, word.charset)) flush(out);
    charset_ = std::string(word.charset);
    octets_ += octets(word);
    open_ = true;
  }
  bool open() const { return open_; }
  void flush(std::string& out) {
    if (!open_) return;
    std::string text = charsets_.decode(charset_, octets_, notes_.charset);
    for (char& c : text) {
      if (c == '\r' || c == '\n' || c == '\0') c = ' ';
    }
    out += text;
    octets_.clear();
    open_ = false;
  }

 private:
  Charsets& charsets_;
  WordNotes& notes_;
  std::string charset_;
  std::string octets_;
  bool open_ = false;
};

}  // namespace

std::string unfold_octets(std::string_view raw) {
  raw = trim(raw);
  std::string out;
  out.reserve(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] == '\n' || (raw[i] == '\r' && i + 1 < raw.size() && raw[i + 1] == '\n')) continue;
    out += raw[i];
  }
  return out;
}

std::string unfold(std::string_view raw, Charsets& charsets, WordNotes& notes) {
  std::string out = unfold_octets(raw);
  if (is_ascii(out)) return out;
  return charsets.decode_unlabelled(out, notes.charset);
}

std::string decode_words(std::string_view text, Charsets& charsets, WordNotes& notes) {
  if (text.find("=?") == std::string_view::npos) return std::string(text);
  std::string out;
  Run run(charsets, notes);
  std::size_t words = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t start = text.find("=?", at);
    const std::string_view between = text.substr(at, start - at);
    // RFC 2047 §6.2: blanks between two encoded words are not part of the text.
    const bool blank = trim(between).empty();
    if (start == std::string_view::npos) {
      run.flush(out);
      out += between;
      break;
    }
    const std::optional<EncodedWord> word =
        words < max_encoded_words ? read_word(text.substr(start)) : std::nullopt;
    if (!word || !blank || !run.open()) {
      run.flush(out);
      out += between;
    }
    if (!word) {
      notes.too_many_words = notes.too_many_words || words >= max_encoded_words;
      out += text.substr(start, 2);
      at = start + 2;
      continue;
    }
    ++words;
    run.add(*word, out);
    at = start + word->length;
  }
  run.flush(out);
  return out;
}

}  // namespace postern::deliver
