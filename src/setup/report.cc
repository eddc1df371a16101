#include "setup/report.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "base/address_guard.h"
#include "base/text.h"
#include "config/renewal.h"
#include "config/service_files.h"

namespace postern::setup {

namespace {

/// The authority that `certbot` and most other ACME clients use unless told otherwise.
constexpr std::string_view usual_authority = "letsencrypt.org";

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

/// Numbers the parts of the report.
class Parts {
 public:
  void add(std::string_view title, std::string_view text) {
    text_ += fmt::format("\n{}. {}\n\n{}", ++number_, title, text);
  }
  std::string text() && { return std::move(text_); }
  void begin(std::string text) { text_ = std::move(text); }

 private:
  std::string text_;
  unsigned number_ = 0;
};

/// As one word of a shell.
std::string shell_word(const std::string& text) {
  const bool plain = std::ranges::all_of(text, [](char c) {
    return is_alnum(c) || std::string_view("/._-+@:,%=").find(c) != std::string_view::npos;
  });
  if (plain && !text.empty()) return text;
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string where_to(const Answers& answers) {
  switch (answers.destination) {
    case Destination::relay:
      return "passes it on to " + answers.relay;
    case Destination::webhook:
      return "posts it to " + shown_webhook(answers.webhook);
    case Destination::inbox:
      return "keeps it in its inbox";
  }
  return "";
}

std::string firewall(const Answers& answers) {
  std::string in;
  for (const unsigned port : open_ports(answers)) {
    in += fmt::format("{}{}", in.empty() ? "" : ", ", port);
  }
  if (answers.tls == Certificate::proxy) in += " from " + joined(answers.proxies);
  if (answers.tls == Certificate::acme) in += "; 80 for the ACME client";
  std::string out = fmt::format("  in   TCP {}\n  out  TCP and UDP 53", in);
  out += sends_mail(answers) ? ", TCP 25" : "";
  out += answers.destination == Destination::webhook ? ", TCP 443\n" : "\n";
  return out + "Leave 8025 closed: the web pages are on the loopback.\n";
}

std::string certificate(const Answers& answers, const Written& written) {
  if (answers.tls == Certificate::files) {
    return fmt::format("  {}\nAt each renewal {}.\n", answers.certificate_file,
                       answers.certificate_file.starts_with("credential:")
                           ? app::how_to_renew_credentials()
                           : app::how_to_renew(app::CertificateOrigin::files));
  }
  if (answers.tls == Certificate::proxy) {
    return fmt::format(
        "Until one is installed, it is self-signed, which most senders accept. TLS ends here, not\n"
        "at the proxy: let an ACME client on the proxy get one for {},\n"
        "copy it to this machine, and at each renewal, too:\n"
        "  postern tls install fullchain.pem privkey.pem --if-named --data-dir {}\n",
        answers.hostname, answers.data_dir);
  }
  std::string hook = written.hook;
  if (hook.empty()) {
    hook = fmt::format(
        "'postern tls install $RENEWED_LINEAGE/fullchain.pem $RENEWED_LINEAGE/privkey.pem "
        "--if-named --data-dir {}'",
        answers.data_dir);
  } else if (answers.data_dir != app::service_data_dir) {
    hook = fmt::format("'POSTERN_DATA={} {}'", answers.data_dir, hook);
  }
  return fmt::format(
      "Until one is installed, it is self-signed, which most senders accept. The hook gives it to\n"
      "the running gateway, at each renewal, too, and passes over those for other names.\n"
      "  certbot certonly --standalone -d {} --deploy-hook \\\n"
      "    {}\n",
      answers.hostname, hook);
}

std::string webhook(const Answers& answers) {
  const bool inbox = answers.destination == Destination::inbox;
  return fmt::format(
      "Mail is accepted once its address belongs to a webhook, and refused with 554 before. Sign\n"
      "in, Webhooks, New:\n"
      "  target   {}\n"
      "  address  given out below {}; or your choice, below a domain that you\n"
      "           verified (Domains): {}\n{}",
      inbox ? "inbox" : shown_webhook(answers.webhook), answers.domains.front(),
      joined(answers.domains),
      inbox ? fmt::format("Read it: postern inbox --data-dir {}\n", answers.data_dir) : "");
}

std::string users_report(const Written& written) {
  return fmt::format(
      "Nobody can sign in yet. The name is the address that the client sends from; `htpasswd` is\n"
      "in the package apache2-utils. The accounts of the web pages are others.\n"
      "  htpasswd -B -C 12 {} NAME@DOMAIN\n"
      "  systemctl restart postern\n",
      shell_word(written.users_file));
}

std::string signing(const Written& written) {
  std::string out = "Sign in, Domains, add and verify the domain, DKIM keys, import:\n";
  for (const SigningKey& key : written.keys) {
    out += fmt::format("  {}  selector {}, private key {}\n", key.record.domain,
                       key.record.selector, shell_word(key.file));
  }
  return out;
}

std::string try_it(const Answers& answers) {
  const bool relayed = answers.destination == Destination::relay;
  return fmt::format(
      "From another machine, a test mail{}:\n"
      "  printf 'Subject: test\\r\\n\\r\\nhello\\r\\n' | curl -sS --url smtp://{}:25 \\\n"
      "    --mail-from you@example.com --mail-rcpt {} -T -\n"
      "Here, a refusal and its reason:\n"
      "  postern explain --client-ip 192.0.2.10 \\\n"
      "    --from stranger@example.com --to someone@foreign.invalid\n{}",
      relayed ? "" : " to the address of the webhook", answers.hostname,
      relayed ? "postmaster@" + answers.domains.front() : "ADDRESS",
      relayed
          ? fmt::format(
                "Recipients: {0} decides who exists. The gateway asks it about each new one\n"
                "and accepts mail for those that it accepts; if it accepts all, so does the "
                "gateway.\n"
                "The others get 450. When a test mail has arrived, remove the # before\n"
                "`unverified_recipient_reject_code` in the configuration: they get 550 at once.\n"
                "{0} sends no mail through the gateway unless `mynetworks` names its address.\n",
                answers.relay)
          : "");
}

/// The mail server behind the gateway as SPF names it; empty: it has no public address.
std::vector<std::string> senders_behind(const Answers& answers) {
  if (answers.destination != Destination::relay) return {};
  if (!answers.relay.starts_with('[')) {
    return {"a:" + answers.relay.substr(0, answers.relay.find(':'))};
  }
  const auto address = IpAddress::parse(answers.relay.substr(1, answers.relay.find(']') - 1));
  if (!address || reach_of(*address) != Reach::global) return {};
  return {fmt::format("{}:{}", address->is_v4() ? "ip4" : "ip6", address->to_string())};
}

/// The records without which the gateway's name leads nowhere, or the others.
std::string zone_of(const std::vector<doctor::Record>& all, bool of_name) {
  std::vector<doctor::Record> some;
  std::ranges::copy_if(all, std::back_inserter(some), [&](const doctor::Record& one) {
    return of_name == (one.type == "A" || one.type == "AAAA" || one.type == "PTR");
  });
  return doctor::zone_text(some);
}

std::string name_part(const Answers& answers, const std::vector<doctor::Record>& all) {
  std::string out =
      "The certificate and the test mail need the name. No mail comes here by these records.\n\n";
  if (answers.addresses.empty()) {
    return out + fmt::format(
                     "; This machine has no public address: add A and AAAA records of {} with "
                     "those of\n; the router, and ask for their PTR records. --address names "
                     "them.\n",
                     answers.hostname);
  }
  return out + zone_of(all, true);
}

std::string dns_part(const Answers& answers, const std::vector<doctor::Record>& all) {
  std::string reports;
  if (answers.email.empty()) {
    reports = "No reports of DMARC and TLS are asked for: --email of setup names who gets them.\n";
  } else if (answers.destination != Destination::relay &&
             std::ranges::find(answers.domains, answers.email.substr(answers.email.find('@') +
                                                                     1)) != answers.domains.end()) {
    reports =
        fmt::format("Reports go to {}, which has to be the address of a webhook.\n", answers.email);
  }
  return "From now on, mail comes here. Replace the MX, SPF and DMARC records that exist: a "
         "second\n"
         "SPF record makes both invalid. Other hosts that send mail of the domain belong in it.\n" +
         reports + "\n" + zone_of(all, false);
}

}  // namespace

std::vector<doctor::Record> records(const Answers& answers, const std::vector<SigningKey>& keys) {
  doctor::DnsFacts facts;
  facts.hostname = answers.hostname;
  facts.addresses = answers.addresses;
  facts.domains = answers.domains;
  for (const SigningKey& key : keys) facts.dkim.push_back(key.record);
  facts.reports = answers.email;
  facts.other_senders = senders_behind(answers);
  if (answers.tls == Certificate::acme) facts.certificate_authority = usual_authority;
  return doctor::records_for(facts);
}

std::vector<unsigned> open_ports(const Answers& answers) {
  return answers.submission ? std::vector<unsigned>{25, 465, 587} : std::vector<unsigned>{25};
}

std::string report(const Answers& answers, const Written& written) {
  const std::vector<doctor::Record> all = records(answers, written.keys);
  const bool relayed = answers.destination == Destination::relay;
  Parts parts;
  parts.begin(fmt::format("{} accepts mail for {}{} and {}.\nConfiguration: {}\n{}\n",
                          answers.hostname, relayed ? "" : "addresses of webhooks below ",
                          joined(answers.domains), where_to(answers), written.config_file,
                          "Proved: " + written.proof.conclusion));
  parts.add("The name, in DNS", name_part(answers, all));
  parts.add("Firewall", firewall(answers));
  std::string addresses;
  for (const IpAddress& address : answers.addresses)
    addresses += " --address " + address.to_string();
  const std::string environment =
      written.config_file == app::service_config
          ? ""
          : fmt::format(
                "The commands below read the configuration from the environment:\n"
                "  export POSTERN_CONFIG={}\n",
                shell_word(written.config_file));
  parts.add("Start", fmt::format("{}  systemctl enable postern; systemctl restart postern\n"
                                 "  postern doctor{}\n",
                                 environment, addresses));
  parts.add("Certificate", certificate(answers, written));
  parts.add("The first account, which operates the gateway",
            fmt::format("  postern passwd --owner-link --data-dir {}\n"
                        "Open the link, which works once, on your own machine through a tunnel:\n"
                        "  ssh -L 8025:127.0.0.1:8025 {}\n",
                        answers.data_dir, answers.hostname));
  if (!relayed) parts.add("Receive", webhook(answers));
  if (answers.submission)
    parts.add("Those who send through ports 465 and 587", users_report(written));
  if (!written.keys.empty()) parts.add("Sign outgoing mail", signing(written));
  parts.add("Try it", try_it(answers));
  parts.add("DNS, when a test mail has arrived", dns_part(answers, all));
  return std::move(parts).text();
}

}  // namespace postern::setup
