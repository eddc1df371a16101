#include "mailauth/arc/seal.h"

#include <algorithm>

#include "base/text.h"
#include "mailauth/ar/parse.h"
#include "mailauth/ar/write.h"
#include "mailauth/names.h"

namespace mailauth::arc {

namespace {

using dkim::Canonicalization;
using postern::Fault;
using postern::Result;

/// The value of h=. A list that does not fit a line is folded after a colon.
std::string field_list(const std::vector<std::string>& fields) {
  std::string out;
  std::size_t column = 0;
  for (const std::string& name : fields) {
    if (!out.empty()) out += ':';
    if (column > 0 && column + name.size() > 120) {
      out += "\r\n\t";
      column = 0;
    }
    out += postern::lower(name);
    column += name.size() + 1;
  }
  return out;
}

std::vector<std::string> default_list(const HeaderView& header) {
  std::vector<std::string> fields = dkim::default_fields(header);
  // RFC 8617 §4.1.2: DKIM-Signature SHOULD be covered.
  const auto is_signature = [](const std::string& name) {
    return postern::iequals(name, "DKIM-Signature");
  };
  if (std::none_of(fields.begin(), fields.end(), is_signature)) {
    fields.insert(fields.end(), header.count("DKIM-Signature"), "dkim-signature");
  }
  return fields;
}

bool is_signable_name(std::string_view name) {
  return !name.empty() && name.size() <= 100 && std::all_of(name.begin(), name.end(), [](char c) {
    return postern::is_printable_ascii(c) && c != ' ' && c != ':' && c != ';' && c != '=';
  });
}

/// The tags that both signatures share, after the tags that differ, in alphabetical order as most
/// sealers write them.
struct Maker {
  const dkim::SigningKey& key;
  std::string algorithm;
  std::string domain;
  std::string selector;
  std::string instance;
  std::string time;

  std::string begin(std::string_view name) const {
    return std::string(name) + ": a=" + algorithm + ";\r\n\t";
  }
  std::string end() const { return "i=" + instance + "; s=" + selector + "; t=" + time + "\r\n"; }
};

const FieldView& only_field(const HeaderView& view) { return view.fields().front(); }

void append_text(const std::string& field, std::string& out) {
  const HeaderView view = HeaderView::parse(field);
  dkim::append_field(Canonicalization::relaxed, only_field(view), out);
}

/// Signs `text` followed by the field with an empty b=. Returns the field with the signature
/// between `before` and `after`.
std::string signed_field(const Maker& make, const std::string& before, const std::string& after,
                         std::string text) {
  const std::string unsigned_field = before + "b=;" + after;
  const HeaderView view = HeaderView::parse(unsigned_field);
  dkim::append_signature_field(Canonicalization::relaxed, only_field(view), text);
  std::string out = before;
  // b= is not folded: the next seal also covers the blanks of a fold, and some hosts change folds.
  // RSA with 4096 bits needs 684 characters, which fit a line.
  out += "b=" + postern::base64_encode(make.key.sign(dkim::sha256(text)));
  return out + ";" + after;
}

std::string make_message_signature(const Maker& make, const std::vector<std::string>& fields,
                                   const HeaderView& header, const dkim::BodyHasher& body) {
  std::string text;
  dkim::append_selected_fields(Canonicalization::relaxed, header, fields, HeaderView::npos, text);
  const dkim::Digest& hash = body.digest();
  const std::string after =
      "\r\n\tbh=" +
      postern::base64_encode({reinterpret_cast<const char*>(hash.data()), hash.size()}) +
      "; c=relaxed/relaxed;\r\n\td=" + make.domain + "; h=" + field_list(fields) + ";\r\n\t" +
      make.end();
  return signed_field(make, make.begin("ARC-Message-Signature"), after, std::move(text));
}

/// The ARC-Seal (RFC 8617 §5.1.1). For a failed chain it omits the earlier sets (RFC 8617 §5.1.2).
std::string make_seal(const Maker& make, const HeaderView& header, Status status,
                      const SealFields& own) {
  std::string text;
  if (status == Status::pass) {
    const auto sets = find_sets(header);
    for (const ArcSet& set : *sets) {
      for (const std::size_t index : {set.results, set.message_signature, set.seal}) {
        dkim::append_field(Canonicalization::relaxed, header.fields()[index], text);
      }
    }
  }
  append_text(own.authentication_results, text);
  append_text(own.message_signature, text);
  const std::string after =
      " cv=" + std::string(to_text(status)) + "; d=" + make.domain + ";\r\n\t" + make.end();
  return signed_field(make, make.begin("ARC-Seal"), after, std::move(text));
}

/// The results as a complete field, or an error: only one well-formed field may be sealed.
Result<std::string> make_results(std::string_view results, const std::string& instance) {
  auto parsed = ar::parse(results);
  if (!parsed) return tl::unexpected(parsed.error());
  std::string body(postern::trim(results));
  const auto lines = postern::split(body, '\n');
  const bool fits = std::all_of(lines.begin(), lines.end(),
                                [](std::string_view line) { return line.size() < 900; });
  if (!fits) body = ar::write(*parsed);
  return "ARC-Authentication-Results: i=" + instance + "; " + body + "\r\n";
}

}  // namespace

Result<std::optional<SealFields>> seal(const dkim::SigningKey& key, const SealOptions& options,
                                       const HeaderView& header, const dkim::BodyHasher& body,
                                       const Verdict& verdict, std::string_view results) {
  if (verdict.status == Status::temperror) {
    return postern::fail(Fault::temporary, "ARC: the chain could not be validated");
  }
  const std::uint32_t highest = highest_instance(header);
  if (verdict.ended || is_ended(header) || highest >= max_instance) return std::nullopt;
  if (verdict.status == Status::pass && !find_sets(header)) {
    return postern::fail(Fault::bug, "ARC: the verdict is of another header");
  }
  const auto domain = normalize_domain(options.domain);
  const auto selector = normalize_domain(options.selector);
  if (!domain || !selector) return postern::fail(Fault::malformed, "ARC: bad domain or selector");
  if (!body.serves(Canonicalization::relaxed, std::nullopt)) {
    return postern::fail(Fault::bug, "ARC: the body hash is of another form");
  }
  const auto fields = options.fields.empty() ? default_list(header) : options.fields;
  for (const std::string& name : fields) {
    // RFC 8617 §4.1.2: ARC-Seal and Authentication-Results MUST NOT be signed.
    if (!is_signable_name(name) || postern::iequals(name, "ARC-Seal") ||
        postern::iequals(name, "Authentication-Results")) {
      return postern::fail(Fault::malformed, "ARC: a field that cannot be signed");
    }
  }
  const Maker make{.key = key,
                   .algorithm = std::string(dkim::to_text(key.algorithm())),
                   .domain = *domain,
                   .selector = *selector,
                   .instance = std::to_string(highest + 1),
                   .time = std::to_string(options.time)};
  SealFields out;
  auto own_results = make_results(results, make.instance);
  if (!own_results) return tl::unexpected(own_results.error());
  out.authentication_results = std::move(*own_results);
  out.message_signature = make_message_signature(make, fields, header, body);
  out.seal = make_seal(make, header, verdict.status, out);
  return out;
}

std::string gathered_results(const HeaderView& header, const ar::OwnIds& own,
                             std::string_view authserv_id) {
  std::string text = ar::write_value(authserv_id);
  ar::AuthenticationResults all{.authserv_id = std::string(authserv_id)};
  for (const FieldView& field : header.fields()) {
    if (!field.is("Authentication-Results")) continue;
    const auto head = ar::parse_head(field.body);
    if (!head || !own.contains(head->authserv_id) || head->version != 1) continue;
    auto parsed = ar::parse(field.body);
    if (!parsed || parsed->results.empty()) continue;
    std::string_view said = postern::trim(field.body.substr(head->size + 1));
    if (said.ends_with(';')) said.remove_suffix(1);
    text += ";\r\n\t";
    text += said;
    for (auto& result : parsed->results) all.results.push_back(std::move(result));
  }
  if (all.results.empty()) return ar::write(all);
  // Fields that are readable one by one may not be readable when joined.
  const auto together = ar::parse(text);
  return together && together->results == all.results ? text : ar::write(all);
}

}  // namespace mailauth::arc
