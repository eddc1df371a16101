#include "mailauth/names.h"

#include <cstdio>

#include <idn2.h>
#include <libpsl.h>

#include "base/domain_below.h"
#include "base/text.h"

namespace mailauth {
namespace {

/// `lower_only`: capitals are not accepted. Lengths are those of RFC 1035 §2.3.4.
bool has_domain_syntax(std::string_view text, bool lower_only) {
  if (text.empty() || text.size() > max_domain) return false;
  std::size_t label = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i == text.size() || text[i] == '.') {
      // RFC 5890 §2.3.1: a label neither begins nor ends with a hyphen.
      if (label == 0 || label > max_label) return false;
      if (text[i - 1] == '-' || text[i - label] == '-') return false;
      label = 0;
      continue;
    }
    const char c = text[i];
    if (!(postern::is_alnum(c) || c == '-' || c == '_')) return false;
    if (lower_only && postern::to_lower(c) != c) return false;
    ++label;
  }
  return true;
}

std::optional<std::string> to_a_labels(std::string_view text) {
  // A U-label whose A-label has 63 octets is shorter than four times that in UTF-8.
  if (text.size() > 4 * max_domain || !postern::is_utf8(text)) return std::nullopt;
  char* raw = nullptr;
  const int status =
      idn2_to_ascii_8z(std::string(text).c_str(), &raw, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);
  const std::unique_ptr<char, void (*)(void*)> owner(raw, idn2_free);
  if (status != IDN2_OK) return std::nullopt;
  return std::string(raw);
}

const psl_ctx_t* context(const std::shared_ptr<const void>& list) {
  return static_cast<const psl_ctx_t*>(list.get());
}

std::shared_ptr<const void> own(psl_ctx_t* list) {
  return {list, [](const void* p) { psl_free(static_cast<psl_ctx_t*>(const_cast<void*>(p))); }};
}

}  // namespace

std::optional<std::string> normalize_domain(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  std::string name;
  if (postern::is_ascii(text)) {
    if (text.size() > max_domain + 1) return std::nullopt;
    name = postern::lower(text);
  } else {
    std::optional<std::string> converted = to_a_labels(text);
    if (!converted) return std::nullopt;
    name = postern::lower(*converted);
  }
  if (!name.empty() && name.back() == '.') name.pop_back();
  // IDNA mapping may produce any ASCII; the result is checked like ASCII input.
  if (!has_domain_syntax(name, true)) return std::nullopt;
  return name;
}

bool is_normal_domain(std::string_view text) { return has_domain_syntax(text, true); }

bool is_subdomain(std::string_view name, std::string_view ancestor) {
  return !ancestor.empty() && postern::domain_below(name, ancestor);
}

std::string_view parent_domain(std::string_view name) {
  const std::size_t dot = name.find('.');
  return dot == std::string_view::npos ? std::string_view() : name.substr(dot + 1);
}

std::size_t label_count(std::string_view name) {
  if (name.empty()) return 0;
  std::size_t count = 1;
  for (const char c : name) count += c == '.';
  return count;
}

std::string_view last_labels(std::string_view name, std::size_t count) {
  std::size_t at = name.size();
  while (at > 0 && (name[at - 1] != '.' || --count > 0)) --at;
  return name.substr(at);
}

const SuffixList& SuffixList::system() {
  static const SuffixList list = [] {
    if (psl_ctx_t* latest = psl_latest(nullptr)) return SuffixList(own(latest));
    return SuffixList(std::shared_ptr<const void>(psl_builtin(), [](const void*) {}));
  }();
  return list;
}

SuffixList SuffixList::from_rules(std::string_view rules) {
  std::string text(rules);
  text += '\n';  // a stream in memory must not be empty
  const std::unique_ptr<FILE, int (*)(FILE*)> stream(fmemopen(text.data(), text.size(), "r"),
                                                     &std::fclose);
  return SuffixList(own(stream ? psl_load_fp(stream.get()) : nullptr));
}

bool SuffixList::is_public_suffix(std::string_view name) const {
  if (!list_) return label_count(name) <= 1;
  return psl_is_public_suffix(context(list_), std::string(name).c_str()) == 1;
}

bool SuffixList::is_registry_suffix(std::string_view name) const {
  const std::size_t labels = label_count(name);
  if (!list_ || labels <= 1) return labels <= 1;
  return psl_is_public_suffix2(context(list_), std::string(name).c_str(), PSL_TYPE_ICANN) == 1;
}

std::string SuffixList::organizational_domain(std::string_view name) const {
  const std::string text(name);
  const char* registrable = list_ ? psl_registrable_domain(context(list_), text.c_str()) : nullptr;
  return registrable == nullptr ? text : std::string(registrable);
}

}  // namespace mailauth
