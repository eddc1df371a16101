#include "mailauth/arc/sets.h"

#include <algorithm>

#include "base/text.h"
#include "mailauth/ar/scanner.h"
#include "mailauth/names.h"
#include "mailauth/tag_list.h"

namespace mailauth::arc {

namespace {

enum class Kind : std::uint8_t { results, message_signature, seal };

std::optional<Kind> kind_of(const FieldView& field) {
  if (field.is("ARC-Seal")) return Kind::seal;
  if (field.is("ARC-Message-Signature")) return Kind::message_signature;
  if (field.is("ARC-Authentication-Results")) return Kind::results;
  return std::nullopt;
}

std::optional<std::uint32_t> in_range(std::optional<std::uint64_t> value) {
  if (!value || *value == 0 || *value > max_instance) return std::nullopt;
  return static_cast<std::uint32_t>(*value);
}

/// RFC 8617 §4.2.1. In the results, i= comes first; the rest need not be well-formed.
std::optional<std::uint32_t> instance_of(Kind kind, std::string_view body) {
  if (kind != Kind::results) {
    const auto tags = TagListView::parse(body);
    if (!tags) return std::nullopt;
    return in_range(postern::parse_number(tags->value_or("i", "")));
  }
  ar::Scanner scan(body);
  return in_range(scan.instance());
}

std::size_t& place(ArcSet& set, Kind kind) {
  switch (kind) {
    case Kind::results:
      return set.results;
    case Kind::message_signature:
      return set.message_signature;
    case Kind::seal:
      return set.seal;
  }
  return set.seal;
}

std::optional<Status> parse_chain_status(std::string_view text) {
  if (text == "none") return Status::none;
  if (text == "pass") return Status::pass;
  if (text == "fail") return Status::fail;
  return std::nullopt;
}

/// t= (RFC 8617 §4.1.3) must be a number when it is present, as in RFC 6376 §3.5.
bool is_time(std::string_view text) {
  return text.size() <= 12 && postern::parse_number(text).has_value();
}

}  // namespace

std::string_view to_text(Status status) {
  switch (status) {
    case Status::none:
      return "none";
    case Status::pass:
      return "pass";
    case Status::fail:
      return "fail";
    case Status::temperror:
      return "temperror";
  }
  return "fail";
}

std::string_view to_text(Reason reason) {
  switch (reason) {
    case Reason::ok:
      return "ok";
    case Reason::header_too_long:
      return "the header section is too long";
    case Reason::header_ambiguous:
      return "the header has lines that are no fields";
    case Reason::instance_malformed:
      return "an instance is missing or out of range";
    case Reason::field_repeated:
      return "a field of a set occurs twice";
    case Reason::set_incomplete:
      return "a set or a field of one is missing";
    case Reason::seal_malformed:
      return "a seal is malformed";
    case Reason::seal_has_fields:
      return "a seal has h=";
    case Reason::message_signature_malformed:
      return "the message signature is malformed";
    case Reason::message_signature_covers_seal:
      return "the message signature covers a seal";
    case Reason::failed_before:
      return "the chain failed before";
    case Reason::status_wrong:
      return "a seal's chain status is wrong";
    case Reason::message_signature_failed:
      return "the message signature did not verify";
    case Reason::seal_failed:
      return "a seal did not verify";
    case Reason::too_many_keys:
      return "too many key lookups";
    case Reason::key_unavailable:
      return "a key could not be fetched";
  }
  return "";
}

tl::expected<Seal, Trouble> parse_seal(std::string_view field_body) {
  const auto malformed = [](dkim::Reason detail) {
    return tl::unexpected(Trouble{.reason = Reason::seal_malformed, .detail = detail});
  };
  const auto tags = TagListView::parse(field_body);
  if (!tags) return malformed(dkim::Reason::tags_malformed);
  if (tags->find("h")) return tl::unexpected(Trouble{.reason = Reason::seal_has_fields});
  Seal seal;
  const auto algorithm = dkim::parse_algorithm(tags->value_or("a", ""));
  if (!algorithm) return malformed(dkim::Reason::algorithm_unknown);
  if (*algorithm == dkim::Algorithm::rsa_sha1) return malformed(dkim::Reason::algorithm_sha1);
  seal.algorithm = *algorithm;
  const auto status = parse_chain_status(tags->value_or("cv", ""));
  if (!status) return malformed(dkim::Reason::tags_malformed);
  seal.chain_status = *status;
  const auto domain = normalize_domain(tags->value_or("d", ""));
  if (!domain) return malformed(dkim::Reason::domain_malformed);
  seal.domain = *domain;
  const auto selector = normalize_domain(tags->value_or("s", ""));
  if (!selector) return malformed(dkim::Reason::selector_malformed);
  seal.selector = *selector;
  const auto value = dkim::decode_base64(tags->value_or("b", ""));
  if (!value) return malformed(dkim::Reason::value_malformed);
  seal.value = *value;
  if (!is_time(tags->value_or("t", "0"))) return malformed(dkim::Reason::time_malformed);
  return seal;
}

tl::expected<std::vector<dkim::Signature>, Trouble> parse_message_signature(
    std::string_view field_body) {
  auto parsed = dkim::parse_signature(field_body, dkim::SignatureKind::arc_message);
  if (parsed.reason != dkim::Reason::ok) {
    return tl::unexpected(
        Trouble{.reason = Reason::message_signature_malformed, .detail = parsed.reason});
  }
  if (parsed.signature.algorithm == dkim::Algorithm::rsa_sha1) {  // RFC 8301 §3.1
    return tl::unexpected(Trouble{.reason = Reason::message_signature_malformed,
                                  .detail = dkim::Reason::algorithm_sha1});
  }
  // RFC 8617 §4.1.2: ARC-Seal fields MUST NOT be covered.
  for (const std::string& name : parsed.signature.fields) {
    if (!postern::iequals(name, "ARC-Seal")) continue;
    return tl::unexpected(Trouble{.reason = Reason::message_signature_covers_seal});
  }
  std::vector<dkim::Signature> readings;
  readings.push_back(std::move(parsed.signature));
  const auto tags = TagListView::parse(field_body);
  if (!tags->find("c")) {
    readings.push_back(readings.front());
    readings.back().forms = {.header = dkim::Canonicalization::relaxed,
                             .body = dkim::Canonicalization::relaxed};
  }
  return readings;
}

tl::expected<std::vector<ArcSet>, Trouble> find_sets(const HeaderView& header) {
  std::vector<ArcSet> sets;
  for (std::size_t i = 0; i < header.fields().size(); ++i) {
    const FieldView& field = header.fields()[i];
    const auto kind = kind_of(field);
    if (!kind) continue;
    const auto instance = instance_of(*kind, field.body);
    if (!instance) return tl::unexpected(Trouble{.reason = Reason::instance_malformed});
    if (sets.size() < *instance) sets.resize(*instance);
    std::size_t& index = place(sets[*instance - 1], *kind);
    if (index != HeaderView::npos) {
      return tl::unexpected(Trouble{.reason = Reason::field_repeated, .instance = *instance});
    }
    index = i;
  }
  for (std::size_t i = 0; i < sets.size(); ++i) {
    const ArcSet& set = sets[i];
    const bool complete = set.results != HeaderView::npos && set.seal != HeaderView::npos &&
                          set.message_signature != HeaderView::npos;
    if (complete) continue;
    return tl::unexpected(
        Trouble{.reason = Reason::set_incomplete, .instance = static_cast<std::uint32_t>(i + 1)});
  }
  if (!sets.empty() && header.ambiguous()) {
    return tl::unexpected(Trouble{.reason = Reason::header_ambiguous});
  }
  return sets;
}

std::uint32_t highest_instance(const HeaderView& header) {
  std::uint32_t highest = 0;
  for (const FieldView& field : header.fields()) {
    const auto kind = kind_of(field);
    if (kind) highest = std::max(highest, instance_of(*kind, field.body).value_or(0));
  }
  return highest;
}

bool is_ended(const HeaderView& header) {
  const std::uint32_t highest = highest_instance(header);
  return std::any_of(header.fields().begin(), header.fields().end(), [&](const FieldView& field) {
    if (kind_of(field) != Kind::seal) return false;
    const auto tags = TagListView::parse(field.body);
    return tags && tags->value_or("cv", "") == "fail" &&
           instance_of(Kind::seal, field.body) == highest;
  });
}

}  // namespace mailauth::arc
