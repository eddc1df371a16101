#include <ostream>

#include <fmt/format.h>
#include <unistd.h>
#include <boost/json.hpp>

#include "base/text.h"
#include "cli/commands_mail.h"
#include "cli/json_text.h"
#include "cli/mail_text.h"
#include "config/key_file.h"
#include "dns/zone_text.h"
#include "mailauth/dkim/sign.h"
#include "mailauth/names.h"

namespace postern::app {

namespace {

namespace dkim = mailauth::dkim;
namespace json = boost::json;

struct Wanted {
  std::string domain;  ///< in normal form, like the selector
  std::string selector;
  unsigned bits = 2048;
  bool rsa = true;
  bool ed25519 = false;
  std::string out;  ///< empty: named after the selector
};

struct NewKey {
  dkim::SigningKey key;
  std::string selector;
  std::string file;

  std::string kind() const {
    return key.algorithm() == dkim::Algorithm::ed25519_sha256
               ? std::string("Ed25519")
               : fmt::format("RSA, {} bits", key.bits());
  }
};

tl::expected<Wanted, UsageError> read_wanted(const Arguments& arguments) {
  const auto refuse = [&](std::string message) {
    return tl::unexpected(UsageError{std::move(message), help_of(arguments)});
  };
  Wanted out;
  const std::string domain = arguments.value("--domain").value_or("");
  const std::string selector = arguments.value("--selector").value_or("");
  const auto good_domain = mailauth::normalize_domain(domain);
  const auto good_selector = mailauth::normalize_domain(selector);
  if (!good_domain) {
    return refuse(fmt::format("--domain: `{}` is not a domain name", printable(domain, 64)));
  }
  if (!good_selector) {
    return refuse(fmt::format("--selector: `{}` is not a name of letters, digits and hyphens",
                              printable(selector, 64)));
  }
  out.domain = *good_domain;
  out.selector = *good_selector;
  const std::string type = arguments.value("--type").value_or("rsa");
  if (type != "rsa" && type != "ed25519" && type != "both") {
    return refuse(fmt::format("--type: `{}` is not rsa, ed25519 or both", printable(type, 64)));
  }
  out.rsa = type != "ed25519";
  out.ed25519 = type != "rsa";
  if (const auto text = arguments.value("--bits")) {
    const auto bits = parse_number(*text);
    if (!out.rsa) return refuse("--bits is for RSA; an Ed25519 key has 256");
    // RFC 8301 §3.2: verifiers must not accept keys under 1024 bits, and need not accept more than
    // 4096.
    if (!bits || *bits < dkim::min_rsa_bits || *bits > dkim::max_rsa_bits) {
      return refuse(fmt::format("--bits takes a number from {} to {}", dkim::min_rsa_bits,
                                dkim::max_rsa_bits));
    }
    out.bits = static_cast<unsigned>(*bits);
  }
  out.out = arguments.value("--out").value_or("");
  if (type == "both" && !out.out.empty() && out.out != "-") {
    return refuse("--out names one file, and --type both makes two keys");
  }
  // The file is named after both, and DNS names are no longer (RFC 1035 §2.3.4).
  if (fmt::format("{}-ed25519._domainkey.{}", out.selector, out.domain).size() > 253) {
    return refuse("selector and domain together are longer than a name in DNS");
  }
  return out;
}

Result<std::vector<NewKey>> make_keys(const Wanted& wanted) {
  std::vector<NewKey> out;
  const auto add = [&](Result<dkim::SigningKey> key, const std::string& selector) -> Result<void> {
    if (!key) return tl::unexpected(key.error());
    const std::string file =
        wanted.out.empty() ? fmt::format("{}.{}.pem", selector, wanted.domain) : wanted.out;
    out.push_back({std::move(*key), selector, file});
    return {};
  };
  if (wanted.rsa) {
    const auto made = add(dkim::SigningKey::generate_rsa(wanted.bits), wanted.selector);
    if (!made) return tl::unexpected(made.error());
  }
  if (wanted.ed25519) {
    // Each selector has one record with one key (RFC 6376 §3.6.2.2).
    const auto made = add(dkim::SigningKey::generate_ed25519(),
                          wanted.rsa ? wanted.selector + "-ed25519" : wanted.selector);
    if (!made) return tl::unexpected(made.error());
  }
  return out;
}

/// Writes all files or none.
Result<void> write_keys(const std::vector<NewKey>& keys) {
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const Result<void> written = write_key(keys[i].file, keys[i].key.private_pem());
    if (written) continue;
    for (std::size_t made = 0; made < i; ++made) ::unlink(keys[made].file.c_str());
    return written;
  }
  return {};
}

std::string owner_of(const NewKey& key, const Wanted& wanted) {
  return key.selector + "._domainkey." + wanted.domain;
}

std::string zone_line(const NewKey& key, const Wanted& wanted) {
  return dns::txt_line(owner_of(key, wanted), key.key.public_record());
}

/// As a zone file, in which all but the records are comments.
std::string advice(const std::vector<NewKey>& keys, const Wanted& wanted) {
  std::string out;
  std::string checks;
  std::string sign = "postern dkim sign --domain " + wanted.domain;
  const bool printed = keys.front().file == "-";
  for (const NewKey& key : keys) {
    const std::string option = printed ? "" : " --key " + key.file;
    out += printed ? fmt::format("; Private key: on standard output ({}).\n", key.kind())
                   : fmt::format("; Private key: {} ({}, mode 0600). Keep it secret.\n", key.file,
                                 key.kind());
    if (key.key.algorithm() == dkim::Algorithm::rsa_sha256 && key.key.bits() < 2048) {
      out += "; Signers should use 2048 bits at least (RFC 8301 section 3.2).\n";
    }
    checks += fmt::format(";   postern dkim check --domain {} --selector {}{}\n", wanted.domain,
                          key.selector, option);
    sign += fmt::format(" --selector {}{}", key.selector, option);
  }
  out +=
      "; Publish this in DNS. A provider's web form needs the text in one piece, without quotes:\n";
  for (const NewKey& key : keys) out += zone_line(key, wanted) + "\n";
  out += "; Check that it is published:\n" + checks;
  if (!printed) out += fmt::format("; Then sign:\n;   {} message.eml\n", sign);
  return out;
}

json::object to_json(const std::vector<NewKey>& keys, const Wanted& wanted) {
  json::array list;
  json::object zone;
  for (const NewKey& key : keys) {
    json::object one{{"selector", key.selector},
                     {"algorithm", dkim::to_text(key.key.algorithm())},
                     {"bits", key.key.bits()},
                     {"name", owner_of(key, wanted)},
                     {"record", key.key.public_record()},
                     {"zone_line", zone_line(key, wanted)}};
    if (key.file == "-") {
      one["private_key"] = key.key.private_pem().reveal();
    } else {
      one["file"] = key.file;
    }
    list.push_back(std::move(one));
    json::array strings;
    for (std::string& text : dns::txt_strings(key.key.public_record())) strings.emplace_back(text);
    json::array records;
    records.push_back(std::move(strings));
    zone[owner_of(key, wanted)] = json::object{{"TXT", std::move(records)}};
  }
  return {{"domain", wanted.domain}, {"keys", std::move(list)}, {"zone", std::move(zone)}};
}

}  // namespace

int run_dkim_keygen(const Arguments& arguments, Streams& streams) {
  const bool as_json = arguments.has("--json");
  if (const auto error = check_options(arguments, {"--domain", "--selector"})) {
    return report_usage(*error, as_json, streams);
  }
  const auto wanted = read_wanted(arguments);
  if (!wanted) return report_usage(wanted.error(), as_json, streams);
  const Result<std::vector<NewKey>> keys = make_keys(*wanted);
  if (!keys) {
    report(keys.error().message, "", as_json, streams);
    return to_int(ExitCode::os);
  }
  const bool to_output = wanted->out == "-";
  const Result<void> written = to_output ? Result<void>() : write_keys(*keys);
  if (!written) {
    const bool exists = written.error().fault == Fault::conflict;
    report(written.error().message,
           exists
               ? "a key in use must not be lost: use another selector, or another file with --out"
               : "name another file with --out",
           as_json, streams);
    return to_int(written.error().fault == Fault::permanent ? ExitCode::io
                                                            : ExitCode::cannot_create);
  }
  if (as_json) {
    streams.out << json_text(to_json(*keys, *wanted)) << '\n';
    return to_int(ExitCode::ok);
  }
  // If the key goes to standard output, the record goes to standard error, so that `> key.pem`
  // contains only the key.
  std::ostream& records = to_output ? streams.err : streams.out;
  for (const NewKey& key : *keys) {
    if (to_output) streams.out << key.key.private_pem().reveal();
    if (arguments.has("--quiet")) records << zone_line(key, *wanted) << '\n';
  }
  if (!arguments.has("--quiet")) records << advice(*keys, *wanted);
  return to_int(ExitCode::ok);
}

}  // namespace postern::app
