#include "deliver/mime_charset.h"

#include <array>
#include <cerrno>

#include <gmime/gmime.h>

#include "base/text.h"
#include "deliver/gmime.h"

namespace postern::deliver {
namespace {

constexpr std::string_view replacement_character = "\xEF\xBF\xBD";
/// Labels opened per message; further ones count as unknown. No legitimate message has as many, and
/// opening a converter may load a module.
constexpr std::size_t max_open = 200;

/// Length of the well-formed UTF-8 sequence at the start of `text` (RFC 3629 §4); 0 when malformed.
int sequence_length(std::string_view text) {
  if (static_cast<unsigned char>(text.front()) < 0x80) return 1;
  const auto size = static_cast<gssize>(text.size());
  const gunichar code = g_utf8_get_char_validated(text.data(), size);
  return code >= 0x80000000u ? 0 : g_unichar_to_utf8(code, nullptr);
}

/// Whether malformed text is still UTF-8, for example cut inside a character: it has more
/// well-formed non-ASCII characters than invalid octets.
bool mostly_utf8(std::string_view text) {
  std::size_t good = 0;
  std::size_t bad = 0;
  while (!text.empty()) {
    const int length = sequence_length(text);
    if (length > 1) ++good;
    if (length < 1) ++bad;
    text.remove_prefix(length < 1 ? 1 : static_cast<std::size_t>(length));
  }
  return good > bad;
}

struct Alias {
  std::string_view label;
  std::string_view name;
};

/// Labels that mail uses for a larger charset than they name. Underscores are written as hyphens.
constexpr Alias aliases[] = {
    {"utf-8", "UTF-8"},
    {"utf8", "UTF-8"},
    {"unicode-1-1-utf-8", "UTF-8"},
    {"cp65001", "UTF-8"},
    {"iso-8859-1", "CP1252"},
    {"windows-1252", "CP1252"},
    {"latin1", "CP1252"},
    {"latin-1", "CP1252"},
    {"l1", "CP1252"},
    {"iso8859-1", "CP1252"},
    {"iso88591", "CP1252"},
    {"8859-1", "CP1252"},
    {"iso-8859-1-windows-3.1-latin-1", "CP1252"},
    {"cp1252", "CP1252"},
    {"x-ansi", "CP1252"},
    {"gb2312", "GB18030"},
    {"gbk", "GB18030"},
    {"x-gbk", "GB18030"},
    {"cp936", "GB18030"},
    {"windows-936", "GB18030"},
    {"euc-cn", "GB18030"},
    {"gb-2312-80", "GB18030"},
    {"chinese", "GB18030"},
    {"gb18030", "GB18030"},
    {"euc-kr", "CP949"},
    {"ks-c-5601-1987", "CP949"},
    {"ks-c-5601-1989", "CP949"},
    {"ks-c-5601", "CP949"},
    {"ksc5601", "CP949"},
    {"ksc-5601", "CP949"},
    {"korean", "CP949"},
    {"windows-949", "CP949"},
    {"uhc", "CP949"},
    {"cp949", "CP949"},
    {"shift-jis", "CP932"},
    {"sjis", "CP932"},
    {"x-sjis", "CP932"},
    {"ms-kanji", "CP932"},
    {"windows-31j", "CP932"},
    {"windows-932", "CP932"},
    {"cp932", "CP932"},
    {"x-euc-jp", "EUC-JP"},
    {"big5", "BIG5-HKSCS"},
    {"big5-hkscs", "BIG5-HKSCS"},
    {"cn-big5", "BIG5-HKSCS"},
    {"x-x-big5", "BIG5-HKSCS"},
    {"cp950", "CP950"},
    {"windows-874", "CP874"},
    {"tis-620", "CP874"},
    {"tis620", "CP874"},
    {"iso-8859-11", "CP874"},
    {"iso8859-11", "CP874"},
    {"dos-874", "CP874"},
    {"cp874", "CP874"},
    {"iso-8859-9", "CP1254"},
    {"iso8859-9", "CP1254"},
    {"latin5", "CP1254"},
    {"iso-8859-8-i", "ISO-8859-8"},
    {"iso-8859-8-e", "ISO-8859-8"},
    {"iso-8859-6-i", "ISO-8859-6"},
    {"iso-8859-6-e", "ISO-8859-6"},
    {"x-mac-cyrillic", "MAC-CYRILLIC"},
    {"x-mac-roman", "MACINTOSH"},
    {"x-mac-greek", "MACGREEK"},
    {"x-mac-turkish", "MACTURKISH"},
    {"x-mac-ce", "MAC-CENTRALEUROPE"},
    {"mac", "MACINTOSH"},
    {"ms949", "CP949"},
    {"x-windows-949", "CP949"},
    {"ms936", "GB18030"},
    {"cskoi8r", "KOI8-R"},
    {"koi8r", "KOI8-R"},
    {"l2", "ISO-8859-2"},
    {"iso2022jp", "ISO-2022-JP"},
    {"iso-2022-jp-ms", "ISO-2022-JP"},
    {"cp50220", "ISO-2022-JP"},
    {"cp50221", "ISO-2022-JP"},
    {"unicode", "UTF-16"},
    {"ucs-2", "UTF-16"},
    {"iso-10646-ucs-2", "UTF-16"},
    {"unicode-1-1-utf-7", "UTF-7"},
};

/// Charset families that iconv may open by name. Its other names (INTERNAL, WCHAR_T, UCS4, ...) are
/// machine formats, not charsets of mail.
constexpr std::string_view families[] = {
    "iso-8859-", "iso8859-",    "windows-12", "cp12",        "cp43",        "cp73",     "cp77",
    "cp85",      "cp86",        "cp10",       "ibm",         "koi8-",       "mac",      "utf-16",
    "utf-32",    "utf-7",       "euc-",       "iso-2022-jp", "iso-2022-kr", "gb18030",  "big5",
    "viscii",    "tcvn",        "armscii-8",  "georgian-",   "johab",       "hp-roman", "iso-ir-",
    "latin",     "koi-8",       "ptcp154",    "cp1133",      "mulelao-1",   "rk1048",   "tscii",
    "cp9",       "iso-2022-cn", "cyrillic",   "greek",       "hebrew",      "arabic",   "csiso",
};

std::string normalised(std::string_view label) {
  label = trim(label);
  while (!label.empty() && (label.front() == '"' || label.front() == '\'')) label.remove_prefix(1);
  while (!label.empty() && (label.back() == '"' || label.back() == '\'')) label.remove_suffix(1);
  std::string name = lower(label.substr(0, 64));
  for (char& c : name) {
    if (c == '_') c = '-';
  }
  return name;
}

bool may_open(std::string_view name) {
  if (name == "iso-2022-cn-ext") return false;
  for (const char c : name) {
    if (!is_alnum(c) && c != '-' && c != '.' && c != ':') return false;
  }
  for (const std::string_view family : families) {
    if (istarts_with(name, family)) return true;
  }
  return false;
}

std::string iconv_name(const std::string& label) {
  for (const Alias& alias : aliases) {
    if (alias.label == label) return std::string(alias.name);
  }
  return may_open(label) ? upper(label) : std::string();
}

std::unique_ptr<Converter> open_converter(const std::string& label) {
  std::string name = iconv_name(label);
  if (name.empty()) return nullptr;
  iconv_t handle = g_mime_iconv_open("UTF-8", name.c_str());
  if (reinterpret_cast<std::intptr_t>(handle) == -1) return nullptr;
  const std::size_t unit = istarts_with(name, "utf-16") ? 2 : istarts_with(name, "utf-32") ? 4 : 1;
  return std::make_unique<Converter>(handle, unit);
}

}  // namespace

Converter::~Converter() { g_mime_iconv_close(handle_); }

void Converter::replacement(std::string& out) {
  replaced_ = true;
  out += replacement_character;
}

void Converter::feed(std::string_view bytes, std::string& out) {
  pending_ += bytes;
  std::array<char, 8192> buffer;
  char* from = pending_.data();
  std::size_t left = pending_.size();
  while (left > 0) {
    char* to = buffer.data();
    std::size_t room = buffer.size();
    const std::size_t result = g_mime_iconv(handle_, &from, &left, &to, &room);
    const int error = errno;
    // iconv lets code points above U+10FFFF pass.
    out += valid_utf8({buffer.data(), buffer.size() - room});
    if (result != static_cast<std::size_t>(-1) || error == E2BIG) continue;
    if (error == EINVAL && left < 16) break;  // an incomplete sequence: wait for more
    replacement(out);
    const std::size_t skip = std::min(unit_, left);
    from += skip;
    left -= skip;
  }
  pending_.erase(0, pending_.size() - left);
}

void Converter::finish(std::string& out) {
  if (!pending_.empty()) replacement(out);
  pending_.clear();
  std::array<char, 64> buffer{};
  char* to = buffer.data();
  std::size_t room = buffer.size();
  g_mime_iconv(handle_, nullptr, nullptr, &to, &room);
  out.append(buffer.data(), buffer.size() - room);
  g_mime_iconv(handle_, nullptr, nullptr, nullptr, nullptr);
}

Charsets::Charsets() { gmime::start(); }

std::string Charsets::name(std::string_view label, DecodeNotes& notes) {
  const std::string name = iconv_name(normalised(label));
  if (name.empty() && !says_nothing(label)) notes.unknown_charset = true;
  return name.empty() ? "CP1252" : name;
}

bool Charsets::says_nothing(std::string_view label) {
  const std::string name = normalised(label);
  return name.empty() || name == "us-ascii" || name == "ascii" || name == "ansi-x3.4-1968" ||
         name == "iso646-us" || name == "unknown-8bit" || name == "x-unknown" ||
         name == "unknown" || name == "default" || name == "default-charset";
}

Converter& Charsets::converter(std::string_view label, bool& known) {
  std::string name = normalised(label);
  if (says_nothing(name)) name = "windows-1252";
  auto found = open_.find(name);
  if (found == open_.end() && open_.size() < max_open) {
    found = open_.emplace(name, open_converter(name)).first;
  }
  known = found != open_.end() && found->second != nullptr;
  if (known) return *found->second;
  if (!stand_in_) stand_in_ = open_converter("windows-1252");
  return *stand_in_;
}

std::string Charsets::decode(std::string_view label, std::string_view bytes, DecodeNotes& notes) {
  if (says_nothing(label)) return decode_unlabelled(bytes, notes);
  bool known = true;
  Converter& converter = this->converter(label, known);
  converter.take_replaced();
  std::string out;
  out.reserve(bytes.size() + bytes.size() / 2);
  converter.feed(bytes, out);
  converter.finish(out);
  if (!known) notes.unknown_charset = true;
  if (converter.take_replaced()) notes.undecodable = true;
  return out;
}

std::string Charsets::decode_unlabelled(std::string_view bytes, DecodeNotes& notes) {
  if (is_utf8(bytes)) return std::string(bytes);
  if (mostly_utf8(bytes)) return decode("utf-8", bytes, notes);
  notes.guessed = true;
  return decode("windows-1252", bytes, notes);
}

std::string valid_utf8(std::string_view text) {
  if (is_utf8(text)) return std::string(text);
  std::string out;
  while (!text.empty()) {
    const int length = sequence_length(text);
    out += length > 0 ? text.substr(0, static_cast<std::size_t>(length)) : replacement_character;
    text.remove_prefix(length > 0 ? static_cast<std::size_t>(length) : 1);
  }
  return out;
}

}  // namespace postern::deliver
