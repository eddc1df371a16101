#include "base/terminal.h"

#include <array>
#include <ostream>

#include <sodium.h>

#include "base/shown.h"
#include "base/text.h"

namespace postern {

namespace {

constexpr std::size_t ink_count = static_cast<std::size_t>(Ink::rewrite) + 1;
// In the order of the enumerators.
constexpr std::array<std::string_view, ink_count> sequences{
    "\x1b[0m",    "\x1b[1m",    "\x1b[31m",   "\x1b[32m", "\x1b[34m",
    "\x1b[1;31m", "\x1b[1;33m", "\x1b[1;36m", "\r\x1b[K"};

/// ESC, a secret of this process, and one letter.
struct Marks {
  Marks() {
    std::array<char, 16> secret{};
    randombytes_buf(secret.data(), secret.size());
    common = "\x1b" + hex_encode({secret.data(), secret.size()});
    for (std::size_t i = 0; i < ink_count; ++i) all[i] = common + static_cast<char>('a' + i);
  }
  std::string common;
  std::array<std::string, ink_count> all;
};

const Marks& marks() {
  static const Marks made;
  return made;
}

/// The escape sequence of a mark at the start of the text; empty: no mark.
std::string_view sequence_at(std::string_view text) {
  const std::string& common = marks().common;
  if (text.size() <= common.size() || !text.starts_with(common)) return {};
  const auto index =
      static_cast<std::size_t>(static_cast<unsigned char>(text[common.size()]) - 'a');
  return index < ink_count ? sequences[index] : std::string_view();
}

/// The number of octets at the end that may be an incomplete character or mark.
std::size_t unfinished(std::string_view text) {
  const std::size_t escape = text.rfind('\x1b');
  if (escape != std::string_view::npos && text.size() - escape <= marks().common.size() &&
      std::string_view(marks().common).starts_with(text.substr(escape)))
    return text.size() - escape;
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, text.size()); ++back) {
    const auto octet = static_cast<unsigned char>(text[text.size() - back]);
    if ((octet & 0xc0) == 0x80) continue;
    const std::size_t length = octet >= 0xf0 ? 4 : octet >= 0xe0 ? 3 : octet >= 0xc0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}

}  // namespace

std::string_view ink(Ink ink) { return marks().all[static_cast<std::size_t>(ink)]; }

std::string inked(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    if (const std::string_view sequence = sequence_at(text); !sequence.empty()) {
      out += sequence;
      text.remove_prefix(marks().common.size() + 1);
      continue;
    }
    const Character character = first_character(text);
    const std::string_view octets = text.substr(0, character.octets);
    if (!character.well_formed) {
      out += "\xef\xbf\xbd";
    } else if (is_hidden(character.value) && character.value != '\n' && character.value != '\t') {
      append_hidden(out, character, octets);
    } else {
      out += octets;
    }
    text.remove_prefix(character.octets);
  }
  return out;
}

TerminalBuffer::TerminalBuffer(std::ostream& stream, bool is_terminal)
    : stream_(stream), target_(stream.rdbuf()), is_terminal_(is_terminal) {
  stream_.rdbuf(this);
}

TerminalBuffer::~TerminalBuffer() {
  write({}, true);
  stream_.rdbuf(target_);
}

bool TerminalBuffer::write(std::string_view text, bool all) {
  const std::lock_guard lock(mutex_);
  pending_ += text;
  const std::size_t kept = all ? 0 : unfinished(pending_);
  const std::string out = inked(std::string_view(pending_).substr(0, pending_.size() - kept));
  pending_.erase(0, pending_.size() - kept);
  const auto size = static_cast<std::streamsize>(out.size());
  return target_->sputn(out.data(), size) == size;
}

bool TerminalBuffer::write_raw(std::string_view octets) {
  if (!write({}, true)) return false;
  const std::lock_guard lock(mutex_);
  const auto size = static_cast<std::streamsize>(octets.size());
  return target_->sputn(octets.data(), size) == size;
}

TerminalBuffer::int_type TerminalBuffer::overflow(int_type c) {
  if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
  const char one = traits_type::to_char_type(c);
  return write({&one, 1}, false) ? c : traits_type::eof();
}

std::streamsize TerminalBuffer::xsputn(const char* text, std::streamsize size) {
  return write({text, static_cast<std::size_t>(size)}, false) ? size : 0;
}

int TerminalBuffer::sync() {
  const bool written = write({}, false);
  return target_->pubsync() == 0 && written ? 0 : -1;
}

bool write_octets(std::ostream& out, std::string_view octets) {
  auto* buffer = dynamic_cast<TerminalBuffer*>(out.rdbuf());
  if (buffer == nullptr || buffer->is_terminal_) {
    out.write(octets.data(), static_cast<std::streamsize>(octets.size()));
    return static_cast<bool>(out);
  }
  return buffer->write_raw(octets);
}

}  // namespace postern
