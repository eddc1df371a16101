// Tag lists and DKIM-Signature fields: what is read lies inside the text and keeps the invariants
// of its type.
#include <string_view>

#include "invariant.h"
#include "mailauth/dkim/signature.h"
#include "mailauth/names.h"
#include "mailauth/tag_list.h"

namespace {

using namespace mailauth;
using postern::fuzz::must;

void check_list(std::string_view text) {
  const auto list = TagListView::parse(text);
  if (!list) return;
  must(!list->tags().empty() && list->tags().size() <= max_tags, "a list has 1-64 tags");
  for (const TagView& tag : list->tags()) {
    must(tag.name.data() >= text.data() && tag.value.size() <= text.size(), "views stay inside");
    must(tag.value.find(';') == std::string_view::npos, "a value ends at its semicolon");
    must(list->find(tag.name) == tag.value, "a name is there once");
  }
}

void check_signature(std::string_view text, dkim::SignatureKind kind) {
  const auto parsed = dkim::parse_signature(text, kind);
  const dkim::Signature& signature = parsed.signature;
  must(signature.domain.empty() || is_normal_domain(signature.domain), "d= is a name");
  must(signature.selector.empty() || is_normal_domain(signature.selector), "s= is a name");
  must(!dkim::to_text(parsed.reason).empty(), "a reason has a text");
  if (parsed.reason != dkim::Reason::ok) return;
  must(is_normal_domain(signature.key_name()), "the key has a name");
  must(!signature.fields.empty() && !signature.value.empty(), "what is required is there");
  must(signature.fields.size() <= dkim::max_signed_fields, "h= has an end");
  if (kind == dkim::SignatureKind::dkim) {
    must(is_subdomain(signature.identity_domain, signature.domain), "i= is in d=");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_list(text);
  check_signature(text, dkim::SignatureKind::dkim);
  check_signature(text, dkim::SignatureKind::arc_message);
  return 0;
}
