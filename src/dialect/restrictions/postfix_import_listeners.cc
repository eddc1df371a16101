// Listeners: addresses, services and certificates.
#include <algorithm>

#include <fmt/format.h>

#include "base/ip.h"
#include "base/text.h"
#include "dialect/restrictions/postfix_import_parts.h"

namespace postern::dialect::restrictions {

namespace {

/// The first certificate chain that is configured, and its key.
struct Certificate {
  std::string chain;
  std::string key;
  std::string_view origin;
  std::string_view key_origin;
  std::string difference;  ///< which part of smtpd_tls_chain_files is not carried
};

/// smtpd_tls_chain_files: each key precedes its certificates, in the same file or in the file
/// before (postconf(5)). A listener uses the first pair.
Certificate chain_of(const std::vector<Word>& files, const ImportOptions& options) {
  static constexpr std::string_view name = "smtpd_tls_chain_files";
  const auto holds = [&](const std::string& path, std::string_view what) -> std::optional<bool> {
    const auto text = options.read ? options.read(path)
                                   : Result<std::string>(fail(Fault::not_found, "not looked at"));
    if (!text) return std::nullopt;
    return text->find(what) != std::string::npos;
  };
  const std::string& first = files.front().text;
  Certificate out{.chain = first, .key = first, .origin = name, .key_origin = name};
  if (files.size() == 1) return out;
  const auto has_certificate = holds(first, "-BEGIN CERTIFICATE-");
  const std::string& second = files[1].text;
  std::size_t taken = 1;
  if (has_certificate.has_value() ? !*has_certificate : first.find("key") != std::string::npos) {
    out.chain = second;
    taken = 2;
  }
  if (!has_certificate) {
    out.difference = printable(first, 80) + " could not be read: see which file has the key; ";
  }
  if (files.size() > taken) {
    const bool belongs = !holds(files[taken].text, "PRIVATE KEY-").value_or(true);
    out.difference += belongs
                          ? fmt::format("put the certificates of {} after those of {}",
                                        printable(files[taken].text, 80), printable(out.chain, 80))
                          : fmt::format("a listener has one certificate; not that of {}",
                                        printable(files[taken].text, 80));
  } else if (!has_certificate) {
    out.difference.resize(out.difference.size() - 2);
  }
  return out;
}

std::optional<Certificate> certificate_of(const Parameters& parameters,
                                          const ImportOptions& options) {
  static constexpr std::pair<std::string_view, std::string_view> pairs[] = {
      {"smtpd_tls_chain_files", "smtpd_tls_chain_files"},
      {"smtpd_tls_cert_file", "smtpd_tls_key_file"},
      {"smtpd_tls_eccert_file", "smtpd_tls_eckey_file"},
  };
  for (const auto& [chain_name, key_name] : pairs) {
    const auto files = parameters.words(chain_name);
    if (!files || files->empty() || files->front().text == "none") continue;
    if (chain_name == key_name) return chain_of(*files, options);
    const std::string chain = files->front().text;
    const std::string key = parameters.text(key_name);
    if (key.empty() || key == "none") return Certificate{chain, chain, chain_name, chain_name, {}};
    return Certificate{chain, key, chain_name, key_name, {}};
  }
  return std::nullopt;
}

/// "none", "may" or "encrypt"; the older switches are read as smtpd reads them.
std::string tls_level(const Parameters& parameters) {
  const std::string level = lower(parameters.text("smtpd_tls_security_level"));
  if (!level.empty()) return level;
  if (parameters.flag("smtpd_enforce_tls").value_or(false)) return "encrypt";
  return parameters.flag("smtpd_use_tls").value_or(false) ? "may" : "none";
}

bool is_wrapped(const Parameters& parameters) {
  return iequals(parameters.text("smtpd_tls_wrappermode"), "yes");
}

std::string_view tls_mode(const Parameters& parameters, const ImportOptions& options) {
  if (!certificate_of(parameters, options)) return "none";
  if (is_wrapped(parameters)) return "implicit";
  const std::string level = tls_level(parameters);
  return level == "none" ? "none" : level == "encrypt" ? "required" : "starttls";
}

Judgement judge_level(std::string_view name, const Parameters& parameters,
                      const ImportOptions& options) {
  if (name != "smtpd_tls_security_level" && !parameters.text("smtpd_tls_security_level").empty()) {
    return meaningless("smtpd_tls_security_level decides");
  }
  const std::string level = tls_level(parameters);
  const std::string key = fmt::format("listener.tls = \"{}\"", tls_mode(parameters, options));
  if (level == "none") return carried(key);
  if (!certificate_of(parameters, options)) {
    return changed(key +
                   ": without a certificate Postfix offers no STARTTLS; name one, or set "
                   "\"starttls\" and Postern makes one");
  }
  if (level != "may" && level != "encrypt") {
    return changed(fmt::format("{}: `{}` is not a level of a server", key, printable(level, 40)));
  }
  return carried(key);
}

Judgement judge_auth_only(const Parameters& parameters, const ImportOptions& options) {
  const auto only = parameters.flag("smtpd_tls_auth_only");
  if (!only) return not_supported(only.error().message);
  return carried(is_auth_in_the_clear(parameters, options) ? "listener.auth_without_tls"
                                                           : "no AUTH outside TLS");
}

Judgement judge_certificate(std::string_view name, const Parameters& parameters,
                            const ImportOptions& options) {
  const auto used = certificate_of(parameters, options);
  const std::string value = parameters.text(name);
  if (value.empty() || value == "none") return carried("no such file");
  if (!used || (used->origin != name && used->key_origin != name)) {
    return not_supported(fmt::format("a listener has one certificate; that of {} is used",
                                     used ? used->origin : "none of them"));
  }
  if (tls_mode(parameters, options) == "none") return meaningless("TLS is switched off");
  const bool is_key = used->key_origin == name && used->origin != name;
  if (name == "smtpd_tls_chain_files") {
    const std::string keys = "listener.certificate and key";
    if (!used->difference.empty()) return changed(keys + ": " + used->difference);
    if (used->chain != used->key) return carried(keys);
  }
  return carried(is_key ? "listener.key" : "listener.certificate");
}

/// The addresses of a service on a port. `host`: its own; empty: those of inet_interfaces.
std::vector<std::string> listen_addresses(const Parameters& parameters, std::string_view host,
                                          std::uint16_t port) {
  if (const auto own = IpAddress::parse(host)) return {with_port(*own, port)};
  const auto words = parameters.words("inet_interfaces");
  const std::string protocols = lower(parameters.text("inet_protocols"));
  const bool v4 = protocols != "ipv6";
  const bool v6 = protocols != "ipv4";
  std::vector<std::string> out;
  const auto add = [&](std::string address) {
    if (std::find(out.begin(), out.end(), address) == out.end()) out.push_back(std::move(address));
  };
  const auto add_pair = [&](std::string_view four, std::string_view six) {
    if (v4) add(fmt::format("{}:{}", four, port));
    if (v6) add(fmt::format("[{}]:{}", six, port));
  };
  const std::string local = fmt::format("127.0.0.1:{}", port);
  if (!words) return {local};
  for (const Word& word : *words) {
    std::string text = lower(word.text);
    std::erase_if(text, [](char c) { return c == '[' || c == ']'; });
    if (text == "all") add_pair("0.0.0.0", "::");
    if (text == "loopback-only" || text == "localhost") add_pair("127.0.0.1", "::1");
    const auto address = IpAddress::parse(text);
    if (address && (address->is_v4() ? v4 : v6)) add(with_port(*address, port));
  }
  if (out.empty()) out.push_back(local);
  return out;
}

Judgement judge_interfaces(const Parameters& parameters) {
  const auto words = parameters.words("inet_interfaces");
  const auto known = [](const Word& word) {
    std::string text = lower(word.text);
    std::erase_if(text, [](char c) { return c == '[' || c == ']'; });
    return text == "all" || text == "loopback-only" || text == "localhost" ||
           IpAddress::parse(text).has_value();
  };
  if (!words || !std::all_of(words->begin(), words->end(), known)) {
    return not_supported(
        "only addresses are supported, not names; set listener.address, which is loopback until "
        "then");
  }
  return changed("listener.address, port 25; further ports of master.cf are further listeners");
}

Judgement judge_protocols(const Parameters& parameters) {
  Judgement out = changed("listener.address: which families are listened on");
  const std::string protocols = lower(parameters.text("inet_protocols"));
  if (protocols == "ipv4" || protocols == "ipv6") {
    out.note += "; relay.families: with which mail is passed on";
    out.entries.push_back(
        {"relay", "families", protocols == "ipv4" ? "\"v4\"" : "\"v6\"", "inet_protocols"});
  }
  return out;
}

/// The text of a banner after the name and "ESMTP", with which each greeting begins (RFC 5321
/// §4.2); nullopt if the banner begins differently.
std::optional<std::string> banner_of(const Parameters& parameters) {
  const std::string text = parameters.text("smtpd_banner");
  std::string_view rest = text;
  const std::string name = parameters.text("myhostname");
  if (!istarts_with(rest, name)) return std::nullopt;
  rest = trim(rest.substr(name.size()));
  if (!istarts_with(rest, "ESMTP")) return std::nullopt;
  return std::string(trim(rest.substr(5)));
}

Judgement judge_banner(const Parameters& parameters) {
  if (!is_utf8(parameters.text("smtpd_banner"))) return not_supported(std::string(not_utf8));
  const auto banner = banner_of(parameters);
  if (!banner) return changed("listener.banner: it follows the name and ESMTP");
  if (banner->empty()) return changed("the greeting has \"Postern\" after ESMTP");
  return carried("listener.banner");
}

}  // namespace

bool is_auth_in_the_clear(const Parameters& parameters, const ImportOptions& options) {
  if (!parameters.flag("smtpd_sasl_auth_enable").value_or(false)) return false;
  if (parameters.flag("smtpd_tls_auth_only").value_or(true)) return false;
  if (tls_level(parameters) == "encrypt" || tls_mode(parameters, options) == "implicit")
    return false;
  const auto forbidden = parameters.words("smtpd_sasl_security_options");
  return forbidden && std::none_of(forbidden->begin(), forbidden->end(), [](const Word& word) {
           return iequals(word.text, "noplaintext");
         });
}

namespace {

/// A TOML array of the words without brackets, converted by `write`; nullopt if it rejects one.
std::optional<std::string> list_toml(std::string_view name, const Parameters& parameters,
                                     std::optional<std::string> (*write)(const std::string& word)) {
  const auto words = parameters.words(name);
  if (!words) return std::nullopt;
  std::vector<std::string> texts;
  for (const Word& word : *words) {
    std::string text = word.text;
    std::erase_if(text, [](char c) { return c == '[' || c == ']'; });
    auto written = write(text);
    if (!written) return std::nullopt;
    texts.push_back(*std::move(written));
  }
  return toml_list(texts);
}

}  // namespace

std::optional<std::string> networks_toml(std::string_view name, const Parameters& parameters) {
  return list_toml(name, parameters, [](const std::string& word) -> std::optional<std::string> {
    const auto network = Cidr::parse(word);
    if (!network) return std::nullopt;
    return network->to_string();
  });
}

std::optional<std::string> addresses_toml(std::string_view name, const Parameters& parameters) {
  return list_toml(name, parameters, [](const std::string& word) -> std::optional<std::string> {
    const auto address = IpAddress::parse(word);
    if (!address) return std::nullopt;
    return address->is_v4() ? word : fmt::format("[{}]:25", word);
  });
}

Judgement judge_networks(std::string_view name, std::string_view key,
                         const Parameters& parameters) {
  if (networks_toml(name, parameters)) return carried(std::string(key));
  return not_supported(fmt::format("{} takes only networks; set it by hand", key));
}

bool asks_for_certificates(const Parameters& parameters) {
  return parameters.flag("smtpd_tls_ask_ccert").value_or(false) ||
         (parameters.flag("smtpd_tls_req_ccert").value_or(false) &&
          (tls_level(parameters) == "encrypt" || is_wrapped(parameters)));
}

namespace {

bool requires_certificates(const Parameters& parameters) {
  return parameters.flag("smtpd_tls_req_ccert").value_or(false) &&
         (tls_level(parameters) == "encrypt" || is_wrapped(parameters));
}

/// What a parameter about client certificates becomes.
struct CertificateKey {
  std::string_view name;
  std::string_view key;
};
constexpr CertificateKey certificate_keys[] = {
    {"smtpd_tls_CAfile", "client_ca"},
    {"smtpd_tls_CApath", "client_ca_directory"},
    {"smtpd_tls_fingerprint_digest", "client_fingerprint_digest"},
};

void add_client_certificates(std::vector<TomlEntry>& out, const Parameters& parameters,
                             std::string_view mode) {
  if (mode == "none" || !asks_for_certificates(parameters)) return;
  const bool required = requires_certificates(parameters);
  out.push_back({"listener", "client_certificate", required ? "\"require\"" : "\"ask\"",
                 required ? "smtpd_tls_req_ccert" : "smtpd_tls_ask_ccert"});
  for (const CertificateKey& one : certificate_keys) {
    const std::string value = parameters.text(one.name);
    const bool is_default = value.empty() || (one.key.ends_with("digest") && value == "sha256");
    if (!is_default) out.push_back({"listener", one.key, toml_quoted(value), one.name});
  }
}

Judgement judge_client_certificates(std::string_view name, const Parameters& parameters,
                                    const ImportOptions& options) {
  if (tls_mode(parameters, options) == "none") return carried("no TLS, so no certificates");
  if (!asks_for_certificates(parameters)) {
    return carried("clients are not asked for a certificate, as here");
  }
  for (const CertificateKey& one : certificate_keys) {
    if (one.name == name) return carried(fmt::format("listener.{}", one.key));
  }
  return carried("listener.client_certificate");
}

}  // namespace

namespace {

/// The listeners of one service. `own`: the service of master.cf; null: port 25.
void add_listeners(std::vector<ImportedListener>& listeners, const Parameters& parameters,
                   const MasterService* own, const ImportOptions& options) {
  const auto certificate = certificate_of(parameters, options);
  const std::string_view mode = tls_mode(parameters, options);
  const auto xclient = networks_toml("smtpd_authorized_xclient_hosts", parameters);
  const bool strict = parameters.flag("smtpd_forbid_unauth_pipelining").value_or(false);
  const std::string banner =
      parameters.is_set("smtpd_banner")
          ? banner_of(parameters).value_or(std::string(trim(parameters.text("smtpd_banner"))))
          : "";
  const std::uint16_t port = own != nullptr ? own->port : 25;
  const std::string stem = port == 25    ? "smtp"
                           : port == 587 ? "submission"
                           : port == 465 ? "submissions"
                                         : fmt::format("smtp-{}", port);
  // A parameter's line is one of main.cf.
  const auto origin = [own](std::string_view name) {
    return own != nullptr && own->sets(name) ? std::string_view() : name;
  };
  for (const std::string& address :
       listen_addresses(parameters, own != nullptr ? own->host : "", port)) {
    const auto is_taken = [&](std::string_view key, const std::string& value) {
      return std::ranges::any_of(listeners, [&](const ImportedListener& one) {
        return std::ranges::any_of(one.entries, [&](const TomlEntry& entry) {
          return entry.key == key && entry.value == toml_quoted(value);
        });
      });
    };
    if (is_taken("address", address)) continue;
    std::string name = stem;
    const std::string_view joint = is_digit(stem.back()) ? "-" : "";
    for (std::size_t i = 2; is_taken("name", name); ++i) {
      name = fmt::format("{}{}{}", stem, joint, i);
    }
    std::vector<TomlEntry> out;
    out.push_back({"listener", "name", toml_quoted(name), ""});
    out.push_back({"listener", "address", toml_quoted(address),
                   own != nullptr && !own->host.empty() ? "" : "inet_interfaces"});
    out.push_back({"listener", "tls", toml_quoted(mode),
                   origin(own != nullptr && own->sets("smtpd_tls_wrappermode")
                              ? "smtpd_tls_wrappermode"
                              : "smtpd_tls_security_level")});
    if (certificate && mode != "none") {
      out.push_back({"listener", "certificate", toml_quoted(certificate->chain),
                     origin(certificate->origin)});
      out.push_back(
          {"listener", "key", toml_quoted(certificate->key), origin(certificate->key_origin)});
    }
    add_client_certificates(out, parameters, mode);
    if (is_auth_in_the_clear(parameters, options)) {
      out.push_back({"listener", "auth_without_tls", "true", origin("smtpd_tls_auth_only")});
    }
    if (xclient && *xclient != "[]") {
      out.push_back(
          {"listener", "xclient_from", *xclient, origin("smtpd_authorized_xclient_hosts")});
    }
    if (!banner.empty() && is_utf8(banner)) {
      out.push_back({"listener", "banner", toml_quoted(banner), origin("smtpd_banner")});
    }
    if (strict) {
      out.push_back({"listener", "reject_unauth_pipelining", "true",
                     origin("smtpd_forbid_unauth_pipelining")});
    }
    listeners.push_back({own, std::move(name), std::move(out)});
  }
}

}  // namespace

namespace {

constexpr std::string_view list_prefix = "smtpd_";
constexpr std::string_view list_suffix = "_restrictions";

}  // namespace

bool is_listener_setting(std::string_view name) {
  static constexpr std::string_view names[] = {
      "inet_interfaces",       "inet_protocols",       "smtpd_authorized_xclient_hosts",
      "smtpd_banner",          "smtpd_enforce_tls",    "smtpd_forbid_unauth_pipelining",
      "smtpd_tls_CAfile",      "smtpd_tls_CApath",     "smtpd_tls_ask_ccert",
      "smtpd_tls_auth_only",   "smtpd_tls_cert_file",  "smtpd_tls_chain_files",
      "smtpd_tls_eccert_file", "smtpd_tls_eckey_file", "smtpd_tls_fingerprint_digest",
      "smtpd_tls_key_file",    "smtpd_tls_req_ccert",  "smtpd_tls_security_level",
      "smtpd_tls_wrappermode", "smtpd_use_tls"};
  return std::ranges::find(names, name) != std::end(names);
}

std::vector<ImportedListener> imported_listeners(const Parameters& parameters,
                                                 const MasterCf& master,
                                                 const ImportOptions& options) {
  std::vector<ImportedListener> listeners;
  const bool has_others = std::ranges::any_of(master.services, [](const MasterService& one) {
    return one.role == MasterService::Role::listener;
  });
  if (master.reception() != nullptr || !has_others) {
    add_listeners(listeners, parameters, nullptr, options);
  }
  for (const MasterService& service : master.services) {
    if (service.role != MasterService::Role::listener) continue;
    add_listeners(listeners, parameters_of(service, parameters), &service, options);
  }
  return listeners;
}

bool is_list_of_listener(std::string_view name) {
  return name.starts_with(list_prefix) && name.ends_with(list_suffix) &&
         is_restriction_parameter(name);
}

std::vector<ListenerList> listener_lists(const std::vector<ImportedListener>& listeners,
                                         const Parameters& parameters) {
  std::vector<ListenerList> out;
  for (const ImportedListener& listener : listeners) {
    if (listener.service == nullptr) continue;
    const Parameters own = parameters_of(*listener.service, parameters);
    for (const auto& [name, value] : listener.service->overrides) {
      if (!is_list_of_listener(name)) continue;
      const auto same = std::ranges::find_if(out, [&](const ListenerList& one) {
        return one.parameter == name && one.line == listener.service->line;
      });
      if (same != out.end()) {
        same->listeners.insert(listener.name);
        continue;
      }
      const auto words = own.words(name);
      const bool empty = words && words->empty();
      const bool refuses =
          words && !empty &&
          (iequals(words->back().text, "reject") || iequals(words->back().text, "defer"));
      // Without a refusal of its own such a list would let strangers relay.
      const bool relays =
          name == "smtpd_relay_restrictions" ||
          (name == "smtpd_recipient_restrictions" && own.text("smtpd_relay_restrictions").empty());
      if (relays && empty) continue;
      std::string stem = listener.name;
      std::ranges::replace(stem, '-', '_');
      const std::string_view kind(name.data() + list_prefix.size(),
                                  name.size() - list_prefix.size() - list_suffix.size());
      ListenerList list{.parameter = name,
                        .class_name = fmt::format("{}_{}", stem, kind),
                        .rules = empty ? "" : own.raw(name),
                        .line = listener.service->line,
                        .listeners = {listener.name}};
      for (int i = 2; parameters.is_set(list.class_name); ++i) {
        list.class_name = fmt::format("{}_{}_{}", stem, kind, i);
      }
      if (!refuses && !relays) list.rules += empty ? "permit" : ", permit";
      out.push_back(std::move(list));
    }
  }
  return out;
}

std::optional<Judgement> judge_listener(std::string_view name, const Parameters& parameters,
                                        const ImportOptions& options) {
  if (name == "inet_interfaces") return judge_interfaces(parameters);
  if (name == "inet_protocols") return judge_protocols(parameters);
  if (name == "smtpd_banner") return judge_banner(parameters);
  if (name == "smtpd_tls_security_level" || name == "smtpd_use_tls" ||
      name == "smtpd_enforce_tls") {
    return judge_level(name, parameters, options);
  }
  if (name == "smtpd_tls_auth_only") return judge_auth_only(parameters, options);
  if (name == "smtpd_tls_wrappermode") {
    return carried(fmt::format("listener.tls = \"{}\"", tls_mode(parameters, options)));
  }
  if (name == "smtpd_tls_cert_file" || name == "smtpd_tls_key_file" ||
      name == "smtpd_tls_chain_files" || name == "smtpd_tls_eccert_file" ||
      name == "smtpd_tls_eckey_file") {
    return judge_certificate(name, parameters, options);
  }
  if (name == "smtpd_authorized_xclient_hosts") {
    return judge_networks(name, "listener.xclient_from", parameters);
  }
  if (name == "smtpd_tls_ask_ccert" || name == "smtpd_tls_req_ccert" ||
      name == "smtpd_tls_CAfile" || name == "smtpd_tls_CApath" ||
      name == "smtpd_tls_fingerprint_digest") {
    return judge_client_certificates(name, parameters, options);
  }
  if (name == "smtpd_forbid_unauth_pipelining") return carried("listener.reject_unauth_pipelining");
  return std::nullopt;
}

}  // namespace postern::dialect::restrictions
