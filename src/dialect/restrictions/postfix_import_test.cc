#include "dialect/restrictions/postfix_import.h"

#include <set>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "base/temporary_folder_test.h"
#include "base/toml.h"
#include "dialect/restrictions/parameters.h"
#include "dialect/restrictions/postfix_import_parts.h"
#include "dialect/restrictions/table.h"
#include "dialect/restrictions/table_types.h"

namespace postern::dialect::restrictions {
namespace {

using testing::HasSubstr;
using testing::Not;

PostfixImport imported(std::string_view text, std::optional<std::string> master = {}) {
  ImportOptions options;
  options.master_cf = std::move(master);
  options.read = [](const std::string& path) -> Result<std::string> {
    if (path == "/etc/mailname") return std::string("example.com\n");
    if (path == "/transport") {
      return std::string(
          "# where mail goes\nexample.org smtp:[10.0.0.5]:2525\n.example.org smtp:[10.0.0.5]:2525\n"
          "mx.example smtp:hub.example\nold.example error:5.1.1 nobody here\nno.example error:\n"
          "away.example :\nplain.example smtp\nquick.example relay:[mx]\nbox.example "
          "lmtp:unix:/x\n*.bad smtp:[x.example]\nnull.example "
          "discard:\nwait.example retry:4.3.2 moving today\n");
    }
    if (path == "/passwords") {
      return std::string("[smart.example.net]:587 gateway:pass:word\nother.example a:b\n");
    }
    if (path == "/empty_rows") {
      return std::string(
          ".example.org :\nsub.relay.example :\nlocal.example :\nother.example smtp:\n* "
          "smtp:[x.example]\n");
    }
    if (path == "/hosts_by_sender") {
      return std::string(
          "ann@example.org [smart.example.net]:587\n@example.org smtp.example.com\n"
          "bob@example.org DUNNO\n<> [null.example.net]\nlocal [x.example]\n");
    }
    if (path == "/transports_by_sender") {
      return std::string(
          "@news.example bulk:\n@example.org slow:\nspam@news.example discard:\n"
          "@list.example bulk:[lists.example.net]\n@old.example lmtp:unix:/x\n");
    }
    if (path == "/passwords_by_sender") {
      return std::string(
          "ann@example.org ann:one\neve@example.org eve:two\n"
          "[smart.example.net]:587 all:three\n");
    }
    if (path == "/through_main") return std::string("a.example main:[a.example]\n");
    if (path == "/all_rows") return std::string("a.example smtp:[a.example]\n* smtp:[x.example]\n");
    if (path == "/key.pem")
      return std::string(
          "-----BEGIN "
          "PRIVATE KEY-----\n");
    if (path == "/cert.pem") return std::string("-----BEGIN CERTIFICATE-----\n");
    if (path == "/both.pem") {
      return std::string(
          "-----BEGIN "
          "PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----\n");
    }
    if (path == "/hops") {
      return std::string(
          "a.example smtp:[hub.example]:587\nb.example smtp:[hub.example]:2525\n"
          "c.example smtp:one.example\nd.example smtp:two.example\n\xe9.example "
          "smtp:[x.example]\n");
    }
    if (path == "/hop_passwords") {
      return std::string(
          "[hub.example]:587 a:1\n[hub.example]:2525 b:2\none.example c:3\ntwo.example d:4\n"
          "x.example \xe9:5\n");
    }
    if (path == "/tls") {
      return std::string(
          "[smart.example.net]:587 secure match=smart.example.net:nexthop\n"
          "odd.example fingerprint\npartner.example encrypt\nfar.example secure\n"
          "sole.example dane-only\n");
    }
    return fail(Fault::not_found, path + ": no such file");
  };
  PostfixImport out = import_postfix(text, options);
  EXPECT_TRUE(out.ok()) << text;
  return out;
}

/// The fate of a parameter, as "carried: note".
std::string fate_of(const PostfixImport& from, std::string_view name) {
  std::string out;
  for (const ImportedParameter& one : from.parameters) {
    if (one.name != name) continue;
    if (!out.empty()) return "twice";
    out = std::string(fate_word(one.fate)) + (one.note.empty() ? "" : ": ") + one.note;
  }
  return out;
}

std::string fate_of(std::string_view line) {
  const std::string_view name = line.substr(0, line.find(' '));
  return fate_of(imported(line), name);
}

toml::table parsed_toml(const PostfixImport& from) {
  auto table = parse_toml(from.toml);
  if (table) return std::move(*table);
  ADD_FAILURE() << table.error().why << "\n" << from.toml;
  return {};
}

/// The elements, as "a,b,".
std::string toml_of(toml::node_view<toml::node> list) {
  std::string out;
  if (const toml::array* all = list.as_array()) {
    for (const auto& one : *all) out += one.value_or(std::string()) + ",";
  }
  return out;
}

constexpr std::string_view example = R"(# A gateway.
compatibility_level = 3.6
myhostname = mx.example.com
mydomain = example.com
myorigin = $mydomain
mynetworks = 127.0.0.0/8,
    192.0.2.0/24
message_size_limit = 52428800
smtpd_tls_cert_file = /etc/ssl/mx.pem
smtpd_tls_key_file = /etc/ssl/mx.key
smtpd_tls_security_level = may
our_lists = reject_rbl_client bl.example.net
smtpd_recipient_restrictions =
    permit_mynetworks
    # strangers
    check_client_access cidr:/etc/postfix/clients.cidr
    $our_lists
    reject_unauth_destination
smtpd_milters = inet:127.0.0.1:8891
maillog_file = /var/log/mail.log
)";

TEST(PostfixImport, AnExample) {
  const PostfixImport out = imported(example);
  EXPECT_EQ(out.toml, R"(# Made from main.cf by `postern import postfix`.

[server]
hostname = "mx.example.com"  # main.cf:3

[[listener]]
name = "smtp"
address = "0.0.0.0:25"
tls = "starttls"  # main.cf:11
certificate = "/etc/ssl/mx.pem"  # main.cf:9
key = "/etc/ssl/mx.key"  # main.cf:10

[[listener]]
name = "smtp2"
address = "[::]:25"
tls = "starttls"  # main.cf:11
certificate = "/etc/ssl/mx.pem"  # main.cf:9
key = "/etc/ssl/mx.key"  # main.cf:10

[limits]
exempt_networks = ["127.0.0.0/8", "192.0.2.0/24"]  # main.cf:6
message_size = "52428800"  # main.cf:8

# Mail for these domains is accepted, and has no place yet: name the server that has the mailboxes.
# [[route]]
# match = ["mx.example.com", "localhost.example.com"]
# to = ["HOST"]

[restrictions]
compatibility_level = "3.6"  # main.cf:2
myhostname = "mx.example.com"  # main.cf:3
mydomain = "example.com"  # main.cf:4
myorigin = "$mydomain"  # main.cf:5
mynetworks = """
  127.0.0.0/8,
  192.0.2.0/24
"""  # main.cf:6
our_lists = "reject_rbl_client bl.example.net"  # main.cf:12
smtpd_recipient_restrictions = """
  permit_mynetworks
  check_client_access cidr:/etc/postfix/clients.cidr
  $our_lists
  reject_unauth_destination
"""  # main.cf:13
smtpd_sasl_auth_enable = "no"  # what Postfix takes when main.cf says nothing
)");
  parsed_toml(out);
  EXPECT_EQ(fate_of(out, "our_lists"), "carried: used by smtpd_recipient_restrictions");
  EXPECT_EQ(fate_of(out, "smtpd_tls_security_level"), "carried: listener.tls = \"starttls\"");
  EXPECT_THAT(fate_of(out, "smtpd_milters"), HasSubstr("not supported: no milters"));
  EXPECT_THAT(fate_of(out, "maillog_file"), HasSubstr("has no meaning here"));
  EXPECT_EQ(out.count(Fate::carried), 11U);
  EXPECT_EQ(out.count(Fate::not_supported), 1U);
}

TEST(PostfixImport, AliasFilesAreAskedWhereLocalRecipientMapsSaysSo) {
  const PostfixImport asked = imported(
      "alias_maps = hash:/etc/aliases\nalias_database = hash:/etc/aliases\n"
      "local_recipient_maps = proxy:unix:passwd.byname $alias_maps\n");
  EXPECT_THAT(fate_of(asked, "alias_maps"),
              HasSubstr("carried with a change: its names, `name: value`"));
  EXPECT_THAT(fate_of(asked, "alias_database"), HasSubstr("carried: if another parameter"));
  EXPECT_THAT(asked.toml, HasSubstr("alias_database = \"hash:/etc/aliases\""));
  EXPECT_THAT(fate_of("alias_maps = hash:/etc/aliases"),
              HasSubstr("not supported: it is not used while local_recipient_maps is not set"));
}

TEST(PostfixImport, SocketsOfPolicyServicesStandInTheQueueDirectory) {
  constexpr std::string_view text =
      "queue_directory = /spool\n"
      "smtpd_recipient_restrictions = check_policy_service unix:private/greylist\n";
  const PostfixImport out = imported(text);
  EXPECT_EQ(fate_of(out, "queue_directory"),
            "carried: the folder of the sockets of policy services");
  EXPECT_THAT(out.toml, HasSubstr("queue_directory = \"/spool\""));
  EXPECT_THAT(fate_of("queue_directory = /spool"), HasSubstr("has no meaning here"));
}

TEST(PostfixImport, SocketsThatPostfixMakesAreNoted) {
  const std::string main_cf =
      "smtpd_recipient_restrictions = check_policy_service unix:private/spf, "
      "reject_unauth_pipelining,"
      "\n  check_policy_service { unix:private/spf, default_action=DUNNO },\n"
      "  check_policy_service unix:postgrey/socket, check_policy_service unix:private/lmtp,\n"
      "  check_policy_service unix:/run/absolute, check_policy_service inet:127.0.0.1:10023\n"
      "smtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = dovecot\nsmtpd_sasl_path = private/auth\n";
  const PostfixImport out =
      imported(main_cf,
               "spf unix - n n - 0 spawn\n  user=policyd argv=/usr/bin/spf --config /etc/spf.conf\n"
               "lmtp unix - - y - - lmtp\n");
  std::vector<std::string> about;
  for (const std::string& note : out.notes) {
    if (note.find("/var/spool/postfix/") != std::string::npos) about.push_back(note);
  }
  EXPECT_THAT(
      about,
      testing::ElementsAre(
          "smtpd_sasl_path: /var/spool/postfix/private/auth is asked there; only Postfix's user "
          "may enter /var/spool/postfix/private, so let the program listen elsewhere, as in "
          "/run, and name that socket, or give Postern's user access",
          "smtpd_recipient_restrictions: /var/spool/postfix/private/lmtp is the service lmtp unix "
          "(lmtp) of Postfix (master.cf line 3), which ends with it",
          "smtpd_recipient_restrictions: /var/spool/postfix/private/spf is made by Postfix, which "
          "starts the program for each connection (master.cf line 1: spawn user=policyd "
          "argv=/usr/bin/spf --config /etc/spf.conf). Without Postfix, a socket unit of systemd "
          "does that (Accept=yes, and StandardInput=socket in the service): put its "
          "ListenStream= here instead of private/spf"));
}

TEST(PostfixImport, WhatCheckWouldSayIsInTheReport) {
  EXPECT_EQ(fate_of("smtpd_recipient_restrictions = check_recipient_access "
                    "inline:{{a@x.example = REDIRECT b@x.example}}, reject_unauth_destination"),
            "carried with a change: inline:{{a@x.example = REDIRECT b@x.example}} row 1 "
            "(a@x.example): REDIRECT is not carried out");
  EXPECT_EQ(fate_of("smtpd_sender_restrictions = reject_unath_destination"),
            "not supported: copied unchanged, and Postern does not start with it: unknown keyword "
            "reject_unath_destination (did you mean reject_unauth_destination?)");
  EXPECT_THAT(fate_of("smtpd_helo_required = maybe"),
              HasSubstr("not supported: copied unchanged, "));
  EXPECT_THAT(
      fate_of("mynetworks = 10.1.2.3/8"),
      HasSubstr("not supported: copied unchanged, and Postern does not start with it: 10.1.2.3/8"));
  EXPECT_EQ(fate_of("smtpd_client_restrictions = check_client_access hash:/not/here"), "carried");
}

TEST(PostfixImport, LimitsOfPolicyServersAreNamed) {
  for (const std::string name : {"try_limit", "timeout", "max_idle"}) {
    EXPECT_THAT(fate_of("smtpd_policy_service_" + name + " = 1"),
                HasSubstr("not supported: a policy server is asked once, on a connection of its "
                          "own, and has authentication.decide_within"));
  }
  EXPECT_EQ(fate_of("smtpd_policy_service_policy_context = x"), "carried");
}

TEST(PostfixImport, ATransportOfNoDomainsMeansNothing) {
  EXPECT_EQ(fate_of(imported("local_transport = error:no mailboxes\nmydestination =\n"),
                    "local_transport"),
            "has no meaning here: mydestination names no domain");
}

TEST(PostfixImport, TheKeyOfChainFilesStandsFirst) {
  const auto files = [](const std::string& names) {
    const PostfixImport out =
        imported("smtpd_tls_security_level = may\nsmtpd_tls_chain_files = " + names + "\n");
    const toml::table file = parsed_toml(out);
    return file["listener"][0]["certificate"].value_or(std::string()) + " " +
           file["listener"][0]["key"].value_or(std::string()) + " " +
           fate_of(out, "smtpd_tls_chain_files");
  };
  EXPECT_EQ(files("/key.pem, /cert.pem"),
            "/cert.pem /key.pem carried: listener.certificate and key");
  EXPECT_EQ(files("/both.pem"), "/both.pem /both.pem carried: listener.certificate");
  EXPECT_EQ(files("/both.pem /key.pem /cert.pem"),
            "/both.pem /both.pem carried with a change: listener.certificate and key: a listener "
            "has one certificate; not that of /key.pem");
  EXPECT_THAT(files("/key.pem /cert.pem /cert.pem"),
              HasSubstr("put the certificates of /cert.pem after those of /cert.pem"));
  EXPECT_THAT(files("/gone/key.pem /gone/cert.pem"),
              HasSubstr("/gone/cert.pem /gone/key.pem carried with a change: listener.certificate "
                        "and key: /gone/key.pem could not be read: see which file has the key"));
}

TEST(PostfixImport, WhereMailWithoutMailboxesLeavesIsSaid) {
  const auto notes = [](const std::string& text) {
    std::string all;
    for (const std::string& one : imported(text).notes) all += one + "\n";
    return all;
  };
  const std::string domains = "mydestination = a.example\nvirtual_alias_domains = b.example\n";
  const std::string there = notes(domains + "relayhost = [smart.example]:587\n");
  EXPECT_THAT(there, HasSubstr("mail for a.example: Postfix puts it into mailboxes"));
  EXPECT_THAT(there, HasSubstr("mail for b.example: addresses are not rewritten"));
  EXPECT_THAT(there, HasSubstr("until then the gateway accepts such mail and sends it to "
                               "smart.example:587\n"));
  EXPECT_THAT(notes(domains), HasSubstr("accepts such mail and sends it to the MX hosts of its "
                                        "domain\n"));
  // The generated routes decide, not the other settings of main.cf.
  EXPECT_THAT(notes(domains + "relayhost = [smart.example]\ntransport_maps = hash:/empty_rows\n"),
              HasSubstr("sends it to x.example\n"));
  EXPECT_THAT(notes(domains + "default_transport = error:5.7.1 no\n"),
              HasSubstr("accepts such mail and returns it to its sender\n"));
}

TEST(PostfixImport, DomainsWithARouteHaveNoOtherWay) {
  const auto notes = [](const std::string& text) {
    std::string all;
    for (const std::string& one : imported(text).notes) all += one + "\n";
    return all;
  };
  const std::string smart = "relayhost = [smart.example]\n";
  for (const std::string& text :
       {smart + "virtual_mailbox_domains = v.example\nmydestination =\n"
                "virtual_transport = smtp:[127.0.0.1]:26725\n",
        smart + "virtual_mailbox_domains = v.example\nmydestination =\nvirtual_transport = smtp\n",
        std::string("virtual_mailbox_domains = v.example\nmydestination =\n"
                    "virtual_transport = smtp\n"),
        smart + "mydestination = a.example\nlocal_transport = error:5.1.1 nobody\n",
        smart + "mydestination = mx.example\ntransport_maps = hash:/transport\n"}) {
    EXPECT_THAT(notes(text), Not(HasSubstr("puts it into mailboxes"))) << text;
  }
  const std::string both = notes(smart +
                                 "virtual_mailbox_domains = v.example\nmydestination = a.example\n"
                                 "virtual_transport = smtp:[127.0.0.1]:26725\n");
  EXPECT_THAT(both, HasSubstr("mail for a.example: Postfix puts it into mailboxes"));
  // A placeholder for a missing name is not a domain either.
  EXPECT_THAT(notes(""), Not(HasSubstr("myhostname.invalid")));
}

TEST(PostfixImport, DomainsOfAClassBecomeRoutesAsFarAsTheyCan) {
  const std::string none = "local_transport = error:5.1.1 nobody\n";
  const PostfixImport out = imported("myhostname = mx.example.com\n" + none);
  EXPECT_THAT(out.toml, HasSubstr("match = [\"mx.example.com\", \"localhost.example.com\"]"));
  EXPECT_EQ(fate_of(out, "local_transport"),
            "carried with a change: [[route]]s of mydestination; not carried: localhost (a "
            "[[route]] wants a dot in the name)");
  EXPECT_EQ(fate_of(imported(none), "local_transport"),
            "not supported: write a [[route]] for each domain: $myhostname (not set), localhost (a "
            "[[route]] wants a dot in the name)");
  EXPECT_FALSE(parsed_toml(imported(none)).contains("route"));
  const PostfixImport direct = imported(
      "relayhost = [smart.example]\nvirtual_mailbox_domains = v.example\nvirtual_transport = "
      "smtp\n");
  EXPECT_EQ(parsed_toml(direct)["route"][0]["to"][0].value_or(std::string()), "mx")
      << "relayhost is not asked for it";
  EXPECT_EQ(fate_of(direct, "virtual_transport"), "carried: [[route]]s of virtual_mailbox_domains");
}

TEST(PostfixImport, OneRouteOfAllIsTheFirst) {
  const std::string rows = "transport_maps = hash:/all_rows\n";
  EXPECT_EQ(fate_of(imported(rows + "relayhost = [smart.example]\n"), "relayhost"),
            "has no meaning here: not used: transport_maps has a row for *");
  EXPECT_EQ(fate_of(imported(rows + "default_transport = smtp:[y.example]\n"), "default_transport"),
            "has no meaning here: not used: transport_maps has a row for *");
  EXPECT_EQ(fate_of(imported("transport_maps = hash:/empty_rows\nrelayhost = [smart.example]\n"),
                    "relayhost"),
            "carried with a change: the next hop of rows that name none; transport_maps has a row "
            "for *");
  const PostfixImport two =
      imported("default_transport = smtp:[y.example]\nrelayhost = [smart.example]\n");
  EXPECT_EQ(fate_of(two, "relayhost"),
            "has no meaning here: not used: default_transport names a next hop");
  EXPECT_EQ(parsed_toml(two)["route"][0]["to"][0].value_or(std::string()), "y.example");
}

TEST(PostfixImport, ASlipOfTheHandIsTold) {
  EXPECT_EQ(fate_of("smtpd_recipient_restrictionz = reject"),
            "not supported: not known; did you mean smtpd_recipient_restrictions?");
  EXPECT_THAT(fate_of("mesage_size_limit = 1"), HasSubstr("did you mean message_size_limit?"));
  EXPECT_THAT(fate_of("relay_domians = x"), HasSubstr("did you mean relay_domains?"));
  EXPECT_THAT(fate_of("smtpd_own_switch = 1"), HasSubstr("Postern has no such switch"));
}

TEST(PostfixImport, ReasonsAreThoseOfTheParameter) {
  EXPECT_THAT(fate_of("content_filter = smtp:[127.0.0.1]:10024"),
              HasSubstr("a webhook only the mail to its own addresses"));
  EXPECT_THAT(fate_of("header_checks = pcre:/x"), Not(HasSubstr("webhook")));
  EXPECT_THAT(fate_of("smtpd_client_message_rate_limit = 5"),
              HasSubstr("counts only a client's sessions"));
  EXPECT_THAT(fate_of("relocated_maps = hash:/x"), HasSubstr("check_recipient_access"));
  EXPECT_THAT(fate_of("smtp_generic_maps = hash:/x"), HasSubstr("addresses are not rewritten"));
  for (const std::string name : {"smtp_tls_loglevel", "smtpd_tls_loglevel"}) {
    EXPECT_THAT(fate_of(name + " = 1"), HasSubstr("logs in its own way")) << name;
  }
}

TEST(PostfixImport, NothingIsLostWithAValueThatAsksForNothing) {
  for (const std::string name :
       {"content_filter", "smtpd_milters", "header_checks", "canonical_maps", "always_bcc",
        "smtp_pix_workarounds", "message_drop_headers", "smtpd_tls_dcert_file",
        "smtpd_discard_ehlo_keywords", "mailbox_command"}) {
    EXPECT_EQ(fate_of(name + " ="), "carried: as set, nothing is lost");
    EXPECT_EQ(fate_of(name + " = $nobody\nnobody ="), "carried: as set, nothing is lost");
    EXPECT_THAT(fate_of(name + " = x"), testing::StartsWith("not supported: "));
  }
  EXPECT_EQ(fate_of("virtual_alias_maps ="), "carried");
  EXPECT_EQ(fate_of("strict_8bitmime = no"), "carried: as set, nothing is lost");
  EXPECT_THAT(fate_of("strict_8bitmime = yes"), testing::StartsWith("not supported: "));
  EXPECT_EQ(fate_of("smtpd_hide_client_session = no"), "carried: as set, nothing is lost");
  EXPECT_EQ(fate_of("smtpd_client_ipv6_prefix_length = 64"), "carried: as set, nothing is lost");
  std::string notes;
  for (const std::string& one : imported("message_drop_headers =\n").notes) notes += one;
  EXPECT_THAT(notes, Not(HasSubstr("message_drop_headers")));
}

TEST(PostfixImport, KnowsParametersOfLaterVersions) {
  EXPECT_EQ(fate_of("smtpd_reject_filter_maps = inline:{ {a = 550 b} }"), "carried");
  EXPECT_THAT(fate_of("smtpd_client_ipv4_prefix_length = 24"),
              HasSubstr("not supported: [limits] counts an IPv4 client by its address"));
  EXPECT_THAT(fate_of("smtpd_client_ipv6_prefix_length = 84"), HasSubstr("by its /64"));
  EXPECT_THAT(fate_of("smtpd_hide_client_session = yes"),
              HasSubstr("not supported: Received names the client"));
  EXPECT_THAT(fate_of("requiretls_enable = yes"), HasSubstr("is offered inside TLS"));
}

TEST(PostfixImport, WhatHappensToMessagesThemselvesIsSaid) {
  EXPECT_THAT(fate_of("message_drop_headers = bcc"),
              HasSubstr("not supported: header fields are not dropped"));
  EXPECT_THAT(fate_of("disable_mime_output_conversion = yes"), HasSubstr("is not converted"));
  std::string notes;
  for (const std::string& one : imported("myhostname = mx.example.com\n").notes) notes += one;
  EXPECT_THAT(notes, HasSubstr("Postfix drops Bcc, Resent-Bcc"));
  EXPECT_THAT(notes, HasSubstr("a host without 8BITMIME"));
}

std::string notes_of(const PostfixImport& from) {
  std::string all;
  for (const std::string& one : from.notes) all += one + "\n";
  return all;
}

TEST(PostfixImport, ServicesOfMasterAreListeners) {
  constexpr std::string_view text =
      "mua_client_restrictions = permit_sasl_authenticated, reject\ninet_protocols = ipv4\n"
      "smtpd_tls_cert_file = /c\nsmtpd_tls_key_file = /k\nsmtpd_tls_security_level = may\n";
  const PostfixImport alone = imported(text);
  EXPECT_THAT(notes_of(alone), HasSubstr("master.cf is not read"));
  EXPECT_THAT(fate_of(alone, "mua_client_restrictions"),
              HasSubstr("nothing refers to it in main.cf"));
  const PostfixImport both = imported(
      text,
      "smtp inet n - y - - smtpd\n# comment\nsubmission inet n - y - - smtpd\n"
      "  -o syslog_name=postfix/submission\n  -o smtpd_tls_security_level=encrypt\n"
      "  -o smtpd_sasl_auth_enable=yes -o smtpd_sasl_type=dovecot -o smtpd_sasl_path=private/auth\n"
      "  -o { smtpd_client_restrictions = $mua_client_restrictions }\n"
      "smtps inet n - y - - smtpd -o smtpd_tls_wrappermode=yes\n"
      "127.0.0.1:2525 inet n - y - - smtpd -o smtpd_tls_security_level=none\n"
      "127.0.0.1:10025 inet n - y - - smtpd -o content_filter= -o mynetworks=127.0.0.0/8\n"
      "relay unix - - y - - smtp -o syslog_name=relay\nslow unix - - y - 1 smtp -o a=b\n"
      "filter unix - n n - - pipe flags=Rq user=filter -o c=d argv=/bin/filter\n");
  const std::string notes = notes_of(both);
  EXPECT_THAT(notes,
              HasSubstr("master.cf line 3: submission inet (smtpd) is a [[listener]]; for all "
                        "listeners alike: smtpd_sasl_auth_enable=yes, smtpd_sasl_type=dovecot, "
                        "smtpd_sasl_path=private/auth; its restriction lists are classes that "
                        "check_listener_access chooses: "
                        "smtpd_client_restrictions=$mua_client_restrictions\n"));
  EXPECT_THAT(notes, HasSubstr("smtps inet (smtpd) is a [[listener]]\n"));
  EXPECT_THAT(notes, HasSubstr("10025 inet (smtpd) is not carried: it takes mail back from a "
                               "content filter, and none is called; it sets content_filter=, "));
  EXPECT_THAT(notes, HasSubstr("slow unix (smtp): mail is passed on by SMTP, without its own "
                               "settings: a=b; "));
  EXPECT_THAT(notes, HasSubstr("filter unix (pipe) is not carried; it sets c=d\n"));
  EXPECT_THAT(notes, Not(HasSubstr("relay unix")));
  EXPECT_THAT(notes, Not(HasSubstr("line 1:")));
  EXPECT_EQ(fate_of(both, "mua_client_restrictions"), "carried: used by submission_client");
  EXPECT_EQ(fate_of(both, "submission_client"),
            "carried: a restriction class; -o in master.cf line 3");
  const auto toml = parsed_toml(both);
  const auto listener = [&](std::size_t at) {
    std::string out;
    for (const char* key : {"name", "address", "tls", "key"}) {
      out += toml["listener"][at][key].value_or(std::string("-")) + " ";
    }
    return out;
  };
  EXPECT_EQ(toml["listener"].as_array()->size(), 4u);
  EXPECT_EQ(listener(0), "smtp 0.0.0.0:25 starttls /k ");
  EXPECT_EQ(listener(1), "submission 0.0.0.0:587 required /k ");
  EXPECT_EQ(listener(2), "submissions 0.0.0.0:465 implicit /k ");
  EXPECT_EQ(listener(3), "smtp-2525 127.0.0.1:2525 none - ");
  EXPECT_EQ(toml["restrictions"]["smtpd_sasl_auth_enable"].value_or(""), std::string("yes"));
  EXPECT_EQ(toml["auth"]["source"][0]["kind"].value_or(""), std::string("dovecot"));
  // Port 25 itself offers no AUTH in Postfix: not without TLS here either.
  EXPECT_FALSE(toml["listener"][0]["auth_without_tls"]);
  EXPECT_THAT(fate_of(both, "smtpd_sasl_auth_enable"), HasSubstr("-o in master.cf line 3"));
}

TEST(PostfixImport, ListsOfAServiceAreThoseOfItsListener) {
  const auto lists = [](const std::string& main_cf, const std::string& overrides) {
    const PostfixImport out =
        imported("inet_protocols = ipv4\ncompatibility_level = 3.6\n" + main_cf,
                 "smtp inet n - y - - smtpd\nsubmission inet n - y - - smtpd " + overrides + "\n");
    std::string all;
    for (const char* name : {"smtpd_restriction_classes", "submission_client", "submission_relay",
                             "submission_recipient", "smtpd_client_restrictions",
                             "smtpd_relay_restrictions", "smtpd_recipient_restrictions"}) {
      const auto value = parsed_toml(out)["restrictions"][name].value<std::string>();
      if (value) all += std::string(name) + " = " + *value + "\n";
    }
    return all;
  };
  EXPECT_EQ(lists("smtpd_client_restrictions = reject_rbl_client bl.example\n",
                  "-o smtpd_client_restrictions=permit_sasl_authenticated,reject"),
            "smtpd_restriction_classes = submission_client\n"
            "submission_client = permit_sasl_authenticated,reject\n"
            "smtpd_client_restrictions = check_listener_access inline:{submission="
            "submission_client}, reject_rbl_client bl.example\n");
  // Without a list in main.cf the default goes on.
  EXPECT_EQ(lists("", "-o smtpd_relay_restrictions=permit_sasl_authenticated,reject"),
            "smtpd_restriction_classes = submission_relay\n"
            "submission_relay = permit_sasl_authenticated,reject\n"
            "smtpd_relay_restrictions = check_listener_access inline:{submission="
            "submission_relay}, permit_mynetworks, permit_sasl_authenticated, "
            "defer_unauth_destination\n");
  // An empty list permits, but where it would let strangers relay.
  EXPECT_EQ(lists("smtpd_client_restrictions = reject_rbl_client bl.example\n"
                  "smtpd_restriction_classes = mine\nmine = reject\n",
                  "-o smtpd_client_restrictions= -o smtpd_relay_restrictions= -o "
                  "smtpd_recipient_restrictions=permit_mynetworks,permit_sasl_authenticated"),
            "smtpd_restriction_classes = submission_client, submission_recipient, mine\n"
            "submission_client = permit\n"
            "submission_recipient = permit_mynetworks,permit_sasl_authenticated\n"
            "smtpd_client_restrictions = check_listener_access inline:{submission="
            "submission_client}, reject_rbl_client bl.example\n"
            "smtpd_recipient_restrictions = check_listener_access inline:{submission="
            "submission_recipient}\n");
}

TEST(PostfixImport, AListOfAListenerKeepsTheLinesOfTheOthers) {
  const PostfixImport out = imported(
      "inet_protocols = ipv4\nsmtpd_client_restrictions = permit_mynetworks,\n    "
      "reject_rbl_client bl.example\n",
      "587 inet n - y - - smtpd -o smtpd_client_restrictions=permit_sasl_authenticated,reject\n");
  EXPECT_THAT(out.toml, HasSubstr("smtpd_client_restrictions = \"\"\"\n  check_listener_access "
                                  "inline:{submission=submission_client},\n  permit_mynetworks,\n"
                                  "  reject_rbl_client bl.example\n\"\"\"  # main.cf:2\n"));
  EXPECT_EQ(fate_of(out, "smtpd_client_restrictions"),
            "carried: before it, the lists of submission in master.cf");
}

TEST(PostfixImport, SettingsOfTheServiceOnPort25OverrideMainCf) {
  for (const char* service : {"smtp inet n - y - - smtpd", "25 inet n - y - - smtpd",
                              "smtp inet n - y - 1 postscreen\nsmtpd pass - - y - - smtpd"}) {
    const PostfixImport out =
        imported("myhostname = mx.example.com\nsmtpd_recipient_limit = 5\n",
                 std::string(service) +
                     " -o smtpd_recipient_limit=7 -o smtpd_banner=$myhostname,ESMTP -o "
                     "{ smtpd_sender_restrictions = reject_non_fqdn_sender, permit }\n");
    const auto toml = parsed_toml(out);
    EXPECT_EQ(toml["limits"]["recipients"].value_or(0), 7) << service;
    EXPECT_EQ(toml["restrictions"]["smtpd_sender_restrictions"].value_or(""),
              std::string("reject_non_fqdn_sender, permit"));
    EXPECT_THAT(fate_of(out, "smtpd_recipient_limit"), HasSubstr("-o in master.cf line "));
    EXPECT_EQ(toml["listener"].as_array()->size(), 2u) << service;
  }
  // Without a service on port 25 there is no listener on it.
  const auto only = parsed_toml(imported("inet_protocols = ipv4\n", "587 inet n - y - - smtpd\n"));
  EXPECT_EQ(only["listener"].as_array()->size(), 1u);
  EXPECT_EQ(only["listener"][0]["address"].value_or(""), std::string("0.0.0.0:587"));
}

TEST(PostfixImport, TransportsOfMasterThatAreSmtpClients) {
  const auto route = [](const char* master) {
    PostfixImport out = imported(
        "relay_domains = example.com\nrelay_transport = slow:[192.0.2.9]\n", std::string(master));
    return fate_of(out, "relay_transport");
  };
  EXPECT_EQ(route("slow unix - - y - 1 smtp\n"), "carried: [[route]]s of relay_domains");
  EXPECT_THAT(route("slow unix - n n - - pipe argv=/bin/slow\n"), Not(HasSubstr("carried: [[")));
}

TEST(PostfixImport, RatesAreConvertedToMinutes) {
  const auto rate = [](const char* unit) {
    const PostfixImport out = imported(std::string("smtpd_client_connection_rate_limit = 100\n") +
                                       "anvil_rate_time_unit = " + unit + "\n");
    return std::to_string(parsed_toml(out)["limits"]["new_sessions_per_minute"].value_or(0)) + " " +
           fate_of(out, "anvil_rate_time_unit");
  };
  EXPECT_EQ(rate("60s"), "100 carried: rates are counted a minute");
  EXPECT_THAT(rate("900"), testing::StartsWith("7 carried with a change"));
  EXPECT_THAT(rate("1h"), testing::StartsWith("2 carried with a change"));
  EXPECT_THAT(rate("1s"), testing::StartsWith("6000 carried with a change"));
  EXPECT_THAT(fate_of("anvil_rate_time_unit = 900"), testing::StartsWith("not supported"));
}

TEST(PostfixImport, LoginsAtSmartHosts) {
  EXPECT_THAT(fate_of("smtp_sasl_security_options = noanonymous, noplaintext"),
              testing::StartsWith("carried: a password is sent only"));
  EXPECT_THAT(fate_of("smtp_sasl_tls_security_options = noanonymous"),
              testing::StartsWith("carried"));
  EXPECT_THAT(fate_of("smtp_sasl_tls_security_options = noplaintext"),
              testing::StartsWith("not supported"));
}

TEST(PostfixImport, LimitsDoNotCountMynetworks) {
  const auto exempt = [](const std::string& text) {
    const PostfixImport out = imported(text);
    return toml_of(parsed_toml(out)["limits"]["exempt_networks"]) + " " +
           fate_of(out, "mynetworks");
  };
  EXPECT_EQ(exempt("mynetworks = 10.0.0.0/8 [2001:db8::]/32\n"),
            "10.0.0.0/8,2001:db8::/32, carried: also limits.exempt_networks");
  EXPECT_EQ(exempt("mynetworks = 10.0.0.0/8\nsmtpd_client_event_limit_exceptions = 10.1.0.0/16\n"),
            "10.1.0.0/16, carried");
  EXPECT_THAT(exempt("mynetworks = !10.0.0.1 10.0.0.0/8\n"),
              HasSubstr("carried with a change: limits count its clients too"));
}

TEST(PostfixImport, WithoutALevelItIsZero) {
  const PostfixImport out = imported("myhostname = mx.example.com\n");
  EXPECT_EQ(parsed_toml(out)["restrictions"]["compatibility_level"].value_or(""), std::string("0"));
  ASSERT_FALSE(out.notes.empty());
  EXPECT_THAT(out.notes.front(), HasSubstr("the relay list is empty"));
  const PostfixImport protects = imported("smtpd_relay_restrictions = reject\n");
  EXPECT_THAT(protects.notes.front(), HasSubstr("as in Postfix, level 0 applies"));
  EXPECT_THAT(protects.notes.front(), Not(HasSubstr("relay list is empty")));
}

TEST(PostfixImport, TheLastSettingCounts) {
  const PostfixImport out = imported("reject_code = 550\nsoft_bounce = no\nreject_code = 551\n");
  ASSERT_EQ(out.parameters.size(), 2U);
  EXPECT_EQ(out.parameters[1].name, "reject_code");
  EXPECT_EQ(out.parameters[1].line, 3U);
  EXPECT_EQ(out.parameters[1].overridden, (std::vector<std::size_t>{1}));
  EXPECT_THAT(out.parameters[1].note, HasSubstr("set several times"));
  EXPECT_THAT(out.toml, HasSubstr("reject_code = \"551\"  # main.cf:3"));
  EXPECT_THAT(out.toml, Not(HasSubstr("550")));
}

TEST(PostfixImport, ClassesAndMacrosGoWithWhatUsesThem) {
  const PostfixImport out = imported(
      "smtpd_restriction_classes = strict\n"
      "strict = check_sender_access $type:/etc/postfix/strict, reject\n"
      "type = texthash\n"
      "size = 1000000\n"
      "message_size_limit = ${size}\n"
      "lonely = 1\n"
      "relay_host_name = next.example.net\n"
      "relayhost = [$relay_host_name]\n"
      "virtual_mailbox_base = /srv\n"
      "smtpd_helo_restrictions = check_helo_access hash:$virtual_mailbox_base/helo\n");
  EXPECT_EQ(fate_of(out, "strict"), "carried: a restriction class");
  EXPECT_EQ(fate_of(out, "type"), "carried: used by strict");
  EXPECT_EQ(fate_of(out, "size"), "carried: used by message_size_limit");
  EXPECT_THAT(fate_of(out, "lonely"), HasSubstr("nothing refers to it"));
  EXPECT_EQ(fate_of(out, "relay_host_name"), "carried: used by relayhost");
  EXPECT_THAT(fate_of(out, "virtual_mailbox_base"),
              HasSubstr("carried with a change: used by smtpd_helo_restrictions; itself: there"));
  const toml::table file = parsed_toml(out);
  EXPECT_EQ(file["restrictions"]["type"].value_or(""), std::string("texthash"));
  EXPECT_FALSE(file["restrictions"]["size"]);
  EXPECT_FALSE(file["restrictions"]["relay_host_name"]);
  EXPECT_EQ(file["limits"]["message_size"].value_or(""), std::string("1000000"));
}

TEST(PostfixImport, WhereMailGoes) {
  const PostfixImport out = imported(
      "relayhost = [smart.example.net]:submission\ntransport_maps = hash:/transport\n"
      "smtp_sasl_auth_enable = yes\nsmtp_sasl_password_maps = texthash:/passwords\n"
      "smtp_tls_policy_maps = hash:/tls\nsmtp_tls_security_level = encrypt\n"
      "smtp_bind_address = 192.0.2.7\n");
  const toml::table file = parsed_toml(out);
  const auto routes = [&](std::string_view wanted) {
    for (const auto& one : *file["route"].as_array()) {
      const toml::table& route = *one.as_table();
      for (const auto& match : *route["match"].as_array()) {
        if (match.value_or(std::string()) == wanted) {
          return route["to"][0].value_or(std::string()) + " " + route["tls"].value_or("") + " " +
                 route["auth_user"].value_or("");
        }
      }
    }
    return std::string("none");
  };
  EXPECT_EQ(routes("*"), "smart.example.net:587  ");
  EXPECT_EQ(routes("example.org"), "[10.0.0.5]:2525  ");
  EXPECT_EQ(routes(".example.org"), "[10.0.0.5]:2525  ");
  EXPECT_EQ(routes("mx.example"), "mx:hub.example  ");
  EXPECT_EQ(routes("old.example"), "error:550 5.1.1 nobody here  ");
  EXPECT_EQ(routes("no.example"), "error:550 5.0.0 mail for this address is not accepted  ");
  EXPECT_EQ(routes("away.example"), "smart.example.net:587  ");
  EXPECT_EQ(routes("null.example"), "discard  ");
  EXPECT_EQ(routes("plain.example"), "mx  ") << "a transport, not a host";
  EXPECT_EQ(routes("quick.example"), "[mx]  ") << "a host that is called so";
  EXPECT_EQ(routes("wait.example"), "error:450 4.3.2 moving today  ");
  EXPECT_EQ(routes("box.example"), "none");
  EXPECT_EQ(fate_of(out, "transport_maps"),
            "carried with a change: [[route]]s, as its rows are now; not carried: *.bad, "
            "box.example (lmtp)");
  EXPECT_THAT(fate_of(out, "smtp_tls_policy_maps"), HasSubstr("not carried: [smart"))
      << "the name of the port differs";
  EXPECT_THAT(
      fate_of(out, "smtp_tls_policy_maps"),
      HasSubstr("; not carried: far.example, partner.example (a [[route]] sends this mail to "
                "another next hop, to which the row does not apply in Postfix either)"));
  EXPECT_THAT(
      fate_of(out, "smtp_tls_policy_maps"),
      HasSubstr("; not carried: [smart.example.net]:587 (this is not the form of a next hop)"));
  EXPECT_THAT(fate_of(out, "smtp_tls_policy_maps"),
              HasSubstr("; not carried: odd.example (name the certificate in tlsa"));
  EXPECT_THAT(fate_of(out, "smtp_tls_security_level"), HasSubstr("relay.tls = \"encrypt\""));
  EXPECT_EQ(file["egress"][0]["v4"].value_or(""), std::string("192.0.2.7"));
}

/// Each [[route]] as one line: "MATCH from SENDER: TO, else FALLBACK by EGRESS as USER".
std::vector<std::string> route_lines(const PostfixImport& out) {
  const auto list = [](const toml::table& route, std::string_view key) {
    std::string text;
    if (const auto* array = route[key].as_array()) {
      for (const auto& one : *array)
        text += (text.empty() ? "" : "+") + one.value_or(std::string("?"));
    }
    return text;
  };
  std::vector<std::string> lines;
  const toml::table file = parsed_toml(out);
  if (!file["route"].is_array()) return lines;
  for (const auto& one : *file["route"].as_array()) {
    const toml::table& route = *one.as_table();
    std::string line = list(route, "match");
    if (route.contains("sender")) line += " from " + list(route, "sender");
    line += ": " + list(route, "to");
    if (route.contains("fallback")) line += ", else " + list(route, "fallback");
    if (route.contains("egress")) line += " by " + route["egress"].value_or(std::string("?"));
    if (route.contains("auth_user")) line += " as " + route["auth_user"].value_or(std::string("?"));
    lines.push_back(std::move(line));
  }
  return lines;
}
using Lines = std::vector<std::string>;

TEST(PostfixImport, RoutesBySender) {
  const std::string master =
      "smtp unix - - n - - smtp\nrelay unix - - n - - smtp -o smtp_fallback_relay=\n"
      "bulk unix - - n - - smtp -o smtp_bind_address=192.0.2.8 -o smtp_helo_name=bulk.example.net\n"
      "slow unix - - n - - smtp -o smtp_tls_loglevel=1\n";
  const PostfixImport out = imported(
      "relayhost = [out.example.net]\nsender_dependent_relayhost_maps = hash:/hosts_by_sender\n"
      "sender_dependent_default_transport_maps = hash:/transports_by_sender\n",
      master);
  EXPECT_EQ(route_lines(out), (Lines{"*: out.example.net", "* from <>: null.example.net",
                                     "* from @example.org: mx:smtp.example.com",
                                     "* from @list.example: lists.example.net by bulk",
                                     "* from @news.example: out.example.net by bulk",
                                     "* from ann@example.org: smart.example.net:587",
                                     "* from bob@example.org: out.example.net",
                                     "* from spam@news.example: discard"}));
  const toml::table file = parsed_toml(out);
  EXPECT_EQ(file["egress"][0]["pool"].value_or(""), std::string("bulk"));
  EXPECT_EQ(file["egress"][0]["ehlo"].value_or(""), std::string("bulk.example.net"));
  EXPECT_EQ(
      fate_of(out, "sender_dependent_relayhost_maps"),
      "carried with a change: [[route]]s with a sender, as its rows are now; not carried: local");
  EXPECT_EQ(fate_of(out, "sender_dependent_default_transport_maps"),
            "carried with a change: [[route]]s with a sender, as its rows are now; not carried: "
            "@old.example (lmtp)");
}

TEST(PostfixImport, TransportsOfSendersAreNotThoseOfRelayedDomains) {
  const std::string relayed = "relay_domains = in.example\n";
  const std::string senders =
      "sender_dependent_default_transport_maps = hash:/transports_by_sender\n";
  const std::string master = "bulk unix - - n - - smtp -o smtp_bind_address=192.0.2.8\n";
  const auto lines = route_lines(imported(
      relayed + senders + "sender_dependent_relayhost_maps = hash:/hosts_by_sender\n", master));
  EXPECT_THAT(lines, testing::Contains("* from spam@news.example: discard"));
  EXPECT_THAT(lines, testing::Contains("in.example+.in.example: mx"));
  EXPECT_THAT(lines, testing::Contains("in.example+.in.example from <>: null.example.net"));
  EXPECT_THAT(route_lines(imported(relayed + "default_transport = error:5.1.2 nobody\n")),
              testing::Contains("in.example+.in.example: mx"));
  const PostfixImport refused =
      imported(senders + "default_transport = error:5.1.2 nobody\n", master);
  EXPECT_EQ(route_lines(refused), (Lines{"*: error:550 5.1.2 nobody"})) << "it must load";
  EXPECT_THAT(fate_of(refused, "sender_dependent_default_transport_maps"),
              HasSubstr("no exception to that"));
  const PostfixImport hidden = imported(senders + "transport_maps = hash:/all_rows\n", master);
  EXPECT_THAT(fate_of(hidden, "sender_dependent_default_transport_maps"),
              HasSubstr("transport_maps has a row for *"));
}

TEST(PostfixImport, SourceAddressesOfTransports) {
  const PostfixImport out =
      imported("smtp_bind_address = 192.0.2.1\ntransport_maps = hash:/through_main\n",
               "main unix - - n - - smtp -o smtp_bind_address=192.0.2.2\n"
               "named unix - - n - - smtp -o smtp_helo_name=n.example.net\n");
  EXPECT_THAT(route_lines(out), testing::Contains("a.example: a.example by main-transport"));
  EXPECT_THAT(route_lines(out), testing::Contains("*: mx by main"));
  const std::string notes = fmt::format("{}", fmt::join(out.notes, "\n"));
  EXPECT_THAT(notes, HasSubstr("without its own settings: smtp_helo_name=n.example.net"));
}

TEST(PostfixImport, TablesThatCannotBeListedAreAsked) {
  const auto tables = [](const std::string& maps, const std::string& more = {}) {
    const PostfixImport out = imported("transport_maps = " + maps + "\n" + more);
    std::string text;
    const toml::table file = parsed_toml(out);
    if (!file["route"].is_array()) return text;
    for (const auto& one : *file["route"].as_array()) {
      const toml::table& route = *one.as_table();
      text += route["match"][0].value_or(std::string()) + ":";
      if (const auto* names = route["tables"].as_array()) {
        for (const auto& name : *names) text += " " + name.value_or(std::string());
      }
      text += " > " + route["to"][0].value_or(std::string()) + "; ";
    }
    return text;
  };
  EXPECT_EQ(tables("proxy:mysql:/etc/postfix/transport.cf"),
            "*: proxy:mysql:/etc/postfix/transport.cf > mx; ");
  EXPECT_EQ(tables("hash:/transport, mysql:/t.cf", "relayhost = [smart.example.net]\n"),
            "*: hash:/transport mysql:/t.cf > smart.example.net; ")
      << "the order among the tables stays";
  EXPECT_EQ(tables("mongodb:/t.cf"), "");
  EXPECT_EQ(
      tables(
          "",
          "relay_domains = mysql:/d.cf, near.example\nrelay_transport = relay:[in.example]:26\n"),
      "near.example: pipemap:{mysql:/d.cf, static:{smtp:[in.example]:26}} > in.example:26; "
      "*: pipemap:{mysql:/d.cf, static:{smtp:[in.example]:26}} > mx; ");
  EXPECT_EQ(
      tables("mysql:/t.cf",
             "virtual_mailbox_domains = proxy:mysql:/d.cf\nvirtual_transport = smtp:[10.0.0.9]\n"),
      "*: mysql:/t.cf pipemap:{proxy:mysql:/d.cf, static:{smtp:[10.0.0.9]}} > mx; ");
}

TEST(PostfixImport, PasswordsBySender) {
  const std::string both =
      "relayhost = [out.example.net]\nsender_dependent_relayhost_maps = hash:/hosts_by_sender\n"
      "smtp_sasl_auth_enable = yes\nsmtp_sasl_password_maps = hash:/passwords_by_sender\n";
  EXPECT_THAT(route_lines(imported(both)),
              testing::Contains("* from ann@example.org: smart.example.net:587 as all"));
  const PostfixImport out = imported(both + "smtp_sender_dependent_authentication = yes\n");
  EXPECT_THAT(route_lines(out),
              testing::Contains("* from ann@example.org: smart.example.net:587 as ann"));
  EXPECT_THAT(route_lines(out),
              testing::Contains("* from eve@example.org: mx:smtp.example.com as eve"));
  EXPECT_THAT(route_lines(out), testing::Contains("*: out.example.net"));
}

TEST(PostfixImport, FallbackHostsAndTheTransportsThatHaveNone) {
  const std::string given =
      "smtp_fallback_relay = [rest.example.net]:2525, other.example.net\n"
      "relay_domains = inner.example\n";
  const PostfixImport alike = imported(given);
  EXPECT_EQ(route_lines(alike), (Lines{"*: mx, else rest.example.net:2525+other.example.net"}));
  EXPECT_EQ(fate_of(alike, "smtp_fallback_relay"),
            "carried with a change: fallback of the [[route]]s: one of several next hops is used "
            "directly, not its MX hosts");
  const std::string usual =
      "smtp unix - - n - - smtp\nrelay unix - - n - - smtp -o smtp_fallback_relay=\n";
  EXPECT_EQ(route_lines(imported(given, usual)),
            (Lines{"*: mx, else rest.example.net:2525+other.example.net",
                   "inner.example+.inner.example: mx"}));
  EXPECT_THAT(route_lines(imported(
                  given + "sender_dependent_relayhost_maps = hash:/hosts_by_sender\n", usual)),
              testing::Contains("inner.example+.inner.example from <>: null.example.net"));
  EXPECT_EQ(route_lines(imported("smtp_fallback_relay = [rest.example.net]\n"
                                 "transport_maps = hash:/all_rows\n")),
            (Lines{"a.example: a.example, else rest.example.net",
                   "*: x.example, else rest.example.net"}));
  EXPECT_EQ(fate_of(imported("smtp_fallback_relay = [rest.example.net]\n"), "smtp_fallback_relay"),
            "carried: fallback of the [[route]]s");
}

TEST(PostfixImport, AnEmptyTransportRowIsAsIfThereWereNone) {
  const auto routes = [](const std::string& more) {
    const PostfixImport out = imported("transport_maps = hash:/empty_rows\n" + more);
    const toml::table file = parsed_toml(out);
    std::string all;
    for (const auto& one : *file["route"].as_array()) {
      const toml::table& route = *one.as_table();
      for (const auto& match : *route["match"].as_array()) {
        all += match.value_or(std::string()) + " " + route["to"][0].value_or(std::string()) + "\n";
      }
    }
    return all + fate_of(out, "transport_maps");
  };
  const std::string classes =
      "relay_domains = relay.example\nrelay_transport = relay:[hub.example]\n"
      "mydestination = local.example\n";
  const std::string with = routes(classes + "relayhost = [smart.example]\n");
  EXPECT_THAT(with, HasSubstr(".example.org smart.example\n"));
  EXPECT_THAT(with, HasSubstr("sub.relay.example hub.example\n"));
  EXPECT_THAT(with, HasSubstr("other.example mx\n"));
  EXPECT_THAT(with, HasSubstr("not carried: local.example (a mailbox)"));
  EXPECT_THAT(with, Not(HasSubstr("local.example smart")));
  EXPECT_THAT(routes("default_transport = smtp:[out.example]\n"),
              HasSubstr(".example.org out.example\n"));
}

TEST(PostfixImport, PasswordsGoIntoFilesOfTheirOwn) {
  const std::string text =
      "relayhost = [smart.example.net]:587\nsmtp_tls_policy_maps = hash:/tls\n"
      "smtp_sasl_auth_enable = yes\nsmtp_sasl_password_maps = texthash:/passwords\n";
  const PostfixImport out = imported(text);
  const toml::table file = parsed_toml(out);
  const auto& route = *file["route"][0].as_table();
  EXPECT_EQ(route["auth_user"].value_or(""), std::string("gateway"));
  EXPECT_EQ(route["auth_password"].value_or(""),
            std::string("credential:smart.example.net-587.password"));
  EXPECT_EQ(route["tls"].value_or(""), std::string("verify"));
  EXPECT_EQ(route["names"][0].value_or(""), std::string("smart.example.net"));
  ASSERT_EQ(out.secrets.size(), 1U);
  EXPECT_EQ(out.secrets[0].text, "pass:word\n");
  EXPECT_THAT(out.toml, Not(HasSubstr("pass:word")));
  EXPECT_THAT(fate_of(out, "smtp_sasl_password_maps"),
              HasSubstr("no route leads to other.example"));
}

TEST(PostfixImport, PasswordsInTheParameterAreNotInTheReport) {
  for (const char* maps : {"static:apikey:SECRET", "inline:{ {[h]:25=user:SECRET} }"}) {
    const PostfixImport out =
        imported(std::string("relayhost = [h.example]:587\nsmtp_sasl_auth_enable = yes\n"
                             "smtp_sasl_password_maps = ") +
                 maps + "\n");
    const std::string fate = fate_of(out, "smtp_sasl_password_maps");
    EXPECT_THAT(fate, AllOf(HasSubstr("cannot be listed"), Not(HasSubstr("SECRET"))));
    EXPECT_THAT(out.toml, Not(HasSubstr("SECRET")));
  }
}

TEST(PostfixImport, EachPasswordHasAFileOfItsOwn) {
  const PostfixImport out = imported(
      "transport_maps = hash:/hops\nsmtp_sasl_auth_enable = yes\n"
      "smtp_sasl_password_maps = hash:/hop_passwords\n");
  std::map<std::string, std::string> files;
  for (const SecretFile& one : out.secrets) {
    EXPECT_TRUE(files.emplace(one.name, one.text).second) << one.name;
  }
  EXPECT_EQ(files, (std::map<std::string, std::string>{{"hub.example-587.password", "1\n"},
                                                       {"hub.example-2525.password", "2\n"},
                                                       {"one.example.password", "3\n"},
                                                       {"two.example.password", "4\n"}}));
  EXPECT_THAT(fate_of(out, "transport_maps"), HasSubstr("/hops line 5 is left out: not UTF-8"));
  EXPECT_THAT(fate_of(out, "smtp_sasl_password_maps"),
              HasSubstr("/hop_passwords line 5 is left out: not UTF-8"));
}

TEST(PostfixImport, WhatIsNoUtf8StaysOutOfTheFile) {
  const PostfixImport out = imported(
      "smtpd_banner = \x94 hello\nrelayhost = [\x94.example]\nsmtpd_sasl_auth_enable = yes\n"
      "smtpd_sasl_type = dovecot\nsmtpd_sasl_path = \x94\nsmtp_bind_address = 192.0.2.1\n"
      "smtp_helo_name = \x94\nrelay_transport = relay:[\x94]\nrelay_domains = a.example\n");
  parsed_toml(out);
  for (const char* name : {"smtpd_banner", "relayhost", "smtpd_sasl_path", "smtp_helo_name"}) {
    EXPECT_THAT(fate_of(out, name), HasSubstr("not UTF-8")) << name;
  }
}

TEST(PostfixImport, QueueBannerAndLogins) {
  const PostfixImport out = imported(
      "myhostname = mx.example.com\nsmtpd_banner = $myhostname ESMTP ready\n"
      "maximal_queue_lifetime = 3\ndelay_warning_time = 1\nminimal_backoff_time = 10m\n"
      "smtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = dovecot\nsmtpd_sasl_path = private/auth\n"
      "queue_directory = /spool\n");
  const toml::table file = parsed_toml(out);
  EXPECT_EQ(file["listener"][0]["banner"].value_or(""), std::string("ready"));
  EXPECT_EQ(file["queue"]["expire"].value_or(""), std::string("259200s"));
  EXPECT_EQ(file["queue"]["delay_notice"].value_or(""), std::string("3600s"));
  EXPECT_EQ(file["queue"]["first_retry"].value_or(""), std::string("600s"));
  EXPECT_EQ(file["auth"]["source"][0]["file"].value_or(""), std::string("/spool/private/auth"));
  EXPECT_EQ(file["restrictions"]["smtpd_sasl_auth_enable"].value_or(""), std::string("yes"));
  EXPECT_THAT(fate_of("smtpd_banner = hello"), HasSubstr("it follows the name and ESMTP"));
}

TEST(PostfixImport, SentencesSayWhatPosternDoes) {
  EXPECT_EQ(fate_of(imported("smtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = dovecot\n"
                             "smtpd_sasl_path = inet:dovecot:12345\n"),
                    "smtpd_sasl_auth_enable"),
            "carried with a change: no client can log in until an [[auth.source]] says where the "
            "accounts are (docs/auth.md)");
  const std::string login = "smtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = dovecot\n";
  const auto options = [&](const std::string& text) {
    return fate_of(imported(login + text), "smtpd_sasl_security_options");
  };
  const PostfixImport clear = imported(login + "smtpd_sasl_security_options = nodictionary\n");
  EXPECT_THAT(clear.toml, HasSubstr("auth_without_tls = true"));
  EXPECT_EQ(options("smtpd_sasl_security_options = nodictionary\n"),
            "not supported: AUTH without TLS is PLAIN and LOGIN, too");
  EXPECT_EQ(options("smtpd_sasl_security_options = noplaintext\n"), "carried: no AUTH outside TLS");
  EXPECT_EQ(options("smtpd_sasl_security_options = nodictionary\nsmtpd_tls_auth_only = yes\n"),
            "carried: no AUTH outside TLS");
  EXPECT_THAT(fate_of("broken_sasl_auth_clients = yes"), HasSubstr("not supported: EHLO has"));
  EXPECT_THAT(fate_of("broken_sasl_auth_clients = no"), HasSubstr("carried"));
  EXPECT_EQ(fate_of("append_at_myorigin = yes"), "carried: Postern always does so");
  EXPECT_THAT(fate_of("append_at_myorigin = no"), HasSubstr("always completed with myorigin"));
  EXPECT_THAT(fate_of("smtpd_policy_service_timeout = 5s"),
              HasSubstr("authentication.decide_within"));
  EXPECT_THAT(fate_of("smtpd_forbid_bare_newline_reject_code = 521"),
              HasSubstr("a refusal is 550"));
  EXPECT_THAT(fate_of("smtpd_discard_ehlo_keywords = chunking"), HasSubstr("smtp_server_ehlo"));
}

std::string note_with(const PostfixImport& from, std::string_view text) {
  std::string found;
  for (const std::string& note : from.notes) {
    if (note.find(text) != std::string::npos) found += (found.empty() ? "" : "\n") + note;
  }
  return found;
}

TEST(PostfixImport, DefaultsOfTheLevelAreNamed) {
  const auto defaults = [](const std::string& text) {
    return note_with(imported(text), "that the file does not set");
  };
  EXPECT_EQ(
      defaults("compatibility_level = 3.6\nmynetworks = 127.0.0.0/8\n"),
      "defaults of compatibility_level 3.6 that the file does not set: append_dot_mydomain = no; "
      "relay_domains = (empty); smtpd_relay_before_recipient_restrictions = yes; "
      "smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, "
      "defer_unauth_destination; smtputf8_enable = yes");
  EXPECT_THAT(defaults("compatibility_level = 2\n"),
              testing::AllOf(HasSubstr("mynetworks_style = host"),
                             HasSubstr("smtpd_relay_before_recipient_restrictions = no")));
  EXPECT_THAT(defaults("compatibility_level = 1\n"),
              testing::AllOf(HasSubstr("mynetworks_style = subnet"),
                             HasSubstr("relay_domains = $mydestination")));
  EXPECT_THAT(defaults("myhostname = mx.example.com\n"),
              testing::AllOf(HasSubstr("compatibility_level 0 that"),
                             HasSubstr("smtpd_relay_restrictions = (empty)"),
                             HasSubstr("append_dot_mydomain = yes"),
                             HasSubstr("offers SMTPUTF8 all the same")));
  EXPECT_THAT(defaults("append_dot_mydomain = yes\nrelay_domains = example.net\n"),
              testing::AllOf(Not(HasSubstr("append_dot")), Not(HasSubstr("relay_domains"))));
  const PostfixImport newer = imported("compatibility_level = 3.6\n");
  EXPECT_THAT(note_with(newer, "smtpd_forbid_bare_newline is not set"), HasSubstr("3.9"));
  EXPECT_THAT(note_with(newer, "smtpd_forbid_unauth_pipelining is not set"),
              HasSubstr("reject_unauth_pipelining"));
}

TEST(PostfixImport, MissingListsOfRecipientsAreOneWarning) {
  const auto warning = [](const std::string& text) {
    return note_with(imported("compatibility_level = 3.6\n" + text), "no list of recipients");
  };
  EXPECT_THAT(warning("relay_domains = example.net\n"),
              testing::StartsWith("no list of recipients in local_recipient_maps (for "
                                  "mydestination), relay_recipient_maps (for relay_domains): "));
  EXPECT_THAT(warning("relay_domains = example.net\n"), HasSubstr("unix:passwd.byname"));
  EXPECT_THAT(warning("relay_domains = example.net\nlocal_recipient_maps = hash:/a\n"),
              testing::StartsWith("no list of recipients in relay_recipient_maps (for"));
  EXPECT_THAT(warning("local_recipient_maps =\n"), Not(HasSubstr("unix:passwd.byname")));
  EXPECT_THAT(warning("virtual_mailbox_domains = example.org\nlocal_recipient_maps = hash:/a\n"),
              testing::StartsWith("no list of recipients in virtual_mailbox_maps (for"));
  EXPECT_EQ(warning("mydestination =\n"), "");
  EXPECT_EQ(warning("relay_domains = example.net\nrelay_recipient_maps = hash:/r\n"
                    "local_recipient_maps = hash:/a\n"),
            "");
}

TEST(PostfixImport, WhatIsNotCarriedStaysInTheWay) {
  const PostfixImport out = imported(
      "smtpd_sender_restrictions = check_sender_access nis:mail.aliases, permit\n"
      "virtual_mailbox_maps = unionmap:{ hash:/a, proxy:mongodb:/etc/postfix/users.cf }\n"
      "relay_recipient_maps = netinfo:/people\n"
      "relay_domains = ${broken\n");
  EXPECT_THAT(fate_of(out, "smtpd_sender_restrictions"), HasSubstr("nis: tables are not read"));
  EXPECT_THAT(fate_of(out, "virtual_mailbox_maps"), HasSubstr("mongodb: tables are not read"));
  EXPECT_THAT(fate_of(out, "relay_recipient_maps"), HasSubstr("netinfo: tables are not read"));
  EXPECT_THAT(fate_of(out, "relay_domains"), HasSubstr("a ${ is not closed"));
  EXPECT_EQ(parsed_toml(out)["restrictions"].as_table()->size(), 6U)
      << "the four, the level, and AUTH";
  EXPECT_THAT(out.notes, testing::Contains(HasSubstr("postmap is not needed")));
}

TEST(PostfixImport, OnlyTablesThatAreNotReadStandInTheWay) {
  for (const TableType& type : table_types()) {
    const std::string spec =
        fmt::format("{}:{}", type.name, type.is_compound() ? "{hash:/a}" : "/a");
    const std::string fate = fate_of("relay_recipient_maps = " + spec);
    const auto opened =
        open_table(spec, {.read = [](const std::string& path) -> Result<std::string> {
                     return fail(Fault::not_found, path);
                   }});
    const bool is_denied = !opened && opened.error().fault == Fault::denied;
    // An invalid name, such as `tcp:/a`, would not load either; a file may be created later.
    const bool stops = !opened && opened.error().fault != Fault::not_found;
    EXPECT_EQ(fate.starts_with("not supported"), stops) << type.name << ": " << fate;
    EXPECT_EQ(is_denied, type.kind == TableType::Kind::foreign) << type.name;
  }
  EXPECT_THAT(fate_of("relay_recipient_maps = pipemap:{ hash:/a, nis:people }"),
              HasSubstr("nis: tables are not read"));
  EXPECT_THAT(fate_of("smtpd_client_restrictions = check_policy_service unix:private/policy"),
              testing::StartsWith("carried"))
      << "a service, not a table";
}

TEST(PostfixImport, TablesOfOtherProgramsAreCarried) {
  const PostfixImport out = imported(
      "virtual_mailbox_maps = unionmap:{ hash:/a, proxy:pgsql:/etc/postfix/users.cf }\n"
      "virtual_alias_maps = proxy:mysql:/etc/postfix/aliases.cf\n"
      "local_recipient_maps = memcache:/etc/postfix/memcache.cf\n"
      "relay_recipient_maps = ldap:/etc/postfix/ldap.cf\n"
      "smtpd_client_restrictions = check_client_access tcp:127.0.0.1:7000,\n"
      "  check_client_access socketmap:unix:/run/maps:clients\n");
  for (const char* name : {"virtual_mailbox_maps", "virtual_alias_maps", "local_recipient_maps",
                           "relay_recipient_maps", "smtpd_client_restrictions"}) {
    EXPECT_THAT(fate_of(out, name), testing::StartsWith("carried")) << name;
  }
  EXPECT_EQ(parsed_toml(out)["restrictions"]["relay_recipient_maps"].value_or(""),
            std::string("ldap:/etc/postfix/ldap.cf"));
}

TEST(PostfixImport, TablesWithSettingsInMainCfNeedAFile) {
  const PostfixImport out = imported(
      "relay_recipient_maps = proxy:ldap:people\n"
      "people_server_host = ldap.example.net\n"
      "virtual_mailbox_maps = mysql:{ {hosts = db.example.net} }\n"
      "virtual_alias_maps = pgsql:./aliases.cf\n");
  EXPECT_THAT(fate_of(out, "relay_recipient_maps"),
              testing::HasSubstr("ldap:people has its settings in main.cf (people_...); write them "
                                 "into a file without `people_`, and name that: "
                                 "ldap:/etc/postfix/people.cf"));
  EXPECT_THAT(fate_of(out, "virtual_mailbox_maps"), testing::Not(testing::HasSubstr("main.cf")));
  EXPECT_THAT(fate_of(out, "virtual_alias_maps"), testing::Not(testing::HasSubstr("main.cf")));
}

TEST(PostfixImport, TlsAsItIsServed) {
  const auto mode = [](std::string_view text) {
    return parsed_toml(imported(text))["listener"][0]["tls"].value_or(std::string());
  };
  const std::string pem = "smtpd_tls_cert_file = /c.pem\n";
  EXPECT_EQ(mode(""), "none");
  EXPECT_EQ(mode(pem), "none");
  EXPECT_EQ(mode(pem + "smtpd_use_tls = yes\n"), "starttls");
  EXPECT_EQ(mode(pem + "smtpd_use_tls = yes\nsmtpd_tls_security_level = none\n"), "none");
  EXPECT_EQ(mode(pem + "smtpd_enforce_tls = yes\n"), "required");
  EXPECT_EQ(mode(pem + "smtpd_tls_wrappermode = yes\n"), "implicit");
  EXPECT_EQ(mode("smtpd_tls_security_level = may\n"), "none") << "no certificate, no STARTTLS";
  const PostfixImport one = imported(pem + "smtpd_tls_security_level = encrypt\n");
  EXPECT_THAT(fate_of(one, "smtpd_tls_security_level"), HasSubstr("listener.tls = \"required\""));
  EXPECT_EQ(parsed_toml(one)["listener"][0]["key"].value_or(""), std::string("/c.pem"));
  const PostfixImport two = imported(pem +
                                     "smtpd_tls_security_level = may\n"
                                     "smtpd_tls_eccert_file = /ec.pem\n");
  EXPECT_EQ(fate_of(two, "smtpd_tls_eccert_file"),
            "not supported: a listener has one certificate; that of smtpd_tls_cert_file is used");
}

TEST(PostfixImport, AuthWithoutTlsAsItIsServed) {
  const auto in_the_clear = [](std::string_view text) {
    return parsed_toml(imported(text))["listener"][0]["auth_without_tls"].value_or(false);
  };
  const std::string sasl = "smtpd_sasl_auth_enable = yes\n";
  EXPECT_FALSE(in_the_clear(""));
  EXPECT_TRUE(in_the_clear(sasl));
  EXPECT_FALSE(in_the_clear(sasl + "smtpd_tls_auth_only = yes\n"));
  EXPECT_FALSE(in_the_clear(sasl + "smtpd_tls_security_level = encrypt\n"));
  EXPECT_FALSE(in_the_clear(sasl + "smtpd_sasl_security_options = noplaintext, noanonymous\n"));
  EXPECT_EQ(fate_of("smtpd_tls_auth_only = no"), "carried: no AUTH outside TLS");
  const PostfixImport out = imported(sasl + "smtpd_tls_auth_only = no\n");
  EXPECT_EQ(fate_of(out, "smtpd_tls_auth_only"), "carried: listener.auth_without_tls");
}

TEST(PostfixImport, Listeners) {
  const auto addresses = [](std::string_view text) {
    const toml::table file = parsed_toml(imported(text));
    std::string out;
    for (const toml::node& one : *file["listener"].as_array()) {
      out += (*one.as_table())["address"].value_or("") + std::string(" ");
    }
    return out;
  };
  EXPECT_EQ(addresses("inet_interfaces = loopback-only"), "127.0.0.1:25 [::1]:25 ");
  EXPECT_EQ(addresses("inet_interfaces = 192.0.2.1, [2001:db8::1]"),
            "192.0.2.1:25 [2001:db8::1]:25 ");
  EXPECT_EQ(addresses("inet_protocols = ipv4"), "0.0.0.0:25 ");
  EXPECT_THAT(fate_of("inet_interfaces = $myhostname"), HasSubstr("not supported: only addresses"));
  const PostfixImport out = imported(
      "smtpd_authorized_xclient_hosts = 192.0.2.0/24 [::1]\n"
      "smtpd_forbid_unauth_pipelining = yes\n");
  EXPECT_THAT(out.toml, HasSubstr(R"(xclient_from = ["192.0.2.0/24", "::1/128"])"));
  EXPECT_THAT(out.toml, HasSubstr("reject_unauth_pipelining = true"));
}

TEST(PostfixImport, AmountsWithinTheirBounds) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"message_size_limit = 0",
       "carried with a change: limits.message_size: there is always a "
       "limit; this is the highest"},
      {"smtpd_recipient_limit = 0",
       "carried with a change: limits.recipients: 0 is out of range, this is the nearest"},
      {"smtpd_error_sleep_time = 2m",
       "carried with a change: limits.error_delay: 120 is out of range, this is the nearest"},
      {"hopcount_limit = 50", "carried: limits.received_fields"},
      {"hopcount_limit = many",
       "not supported: `many` is not a number here; set limits.received_fields"},
      {"smtpd_starttls_timeout = ${stress?{10}:{300}}s", "carried: timeouts.tls_handshake"},
  };
  for (const auto& [line, fate] : cases) EXPECT_EQ(fate_of(line), fate) << line;
  EXPECT_THAT(imported("smtpd_starttls_timeout = ${stress?{10}:{300}}s").toml,
              HasSubstr("tls_handshake = \"300s\""));
}

TEST(PostfixImport, WhatPosternDoesAnyway) {
  EXPECT_THAT(fate_of("append_dot_mydomain = yes"), HasSubstr("carried"));
  EXPECT_THAT(fate_of("smtputf8_enable = no"), HasSubstr("not supported"));
  EXPECT_THAT(fate_of("smtputf8_enable = maybe"), HasSubstr("is yes or no"));
  EXPECT_EQ(fate_of("smtpd_sasl_security_options = noanonymous"),
            "carried: Postern always does so");
  EXPECT_EQ(fate_of("smtpd_forbid_bare_newline = reject"), "carried: limits.bare_newline");
  EXPECT_THAT(fate_of("smtpd_forbid_bare_newline = no"), HasSubstr("not supported"));
}

TEST(PostfixImport, WhatIsLostIsNotCalledMeaningless) {
  for (const char* line :
       {"notify_classes = bounce, resource", "bounce_notice_recipient = ops@example.org",
        "2bounce_notice_recipient = ops@example.org",
        "bounce_template_file = /etc/postfix/bounce.cf", "confirm_delay_cleared = yes",
        "defer_transports = smtp", "default_delivery_status_filter = pcre:/etc/postfix/dsn",
        "queue_minfree = 1000000", "always_add_missing_headers = yes",
        "local_header_rewrite_clients = static:all", "tls_append_default_CA = yes",
        "tls_legacy_public_key_fingerprints = yes", "smtpd_expansion_filter = x",
        "receive_override_options = no_unknown_recipient_checks"}) {
    EXPECT_THAT(fate_of(line), HasSubstr("not supported: ")) << line;
  }
  EXPECT_EQ(fate_of("receive_override_options = no_milters"),
            "has no meaning here: there are no content filters");
}

TEST(PostfixImport, LocalMailIsNamedWithItsTablesAndTransports) {
  const auto note = [](const std::string& main_cf) -> std::string {
    for (const std::string& one : imported(main_cf).notes) {
      if (one.starts_with("mail for ")) return one;
    }
    return "";
  };
  EXPECT_THAT(note("mydestination = one.example, hash:/etc/more, /etc/domains, localhost"),
              HasSubstr("mail for one.example, the domains in hash:/etc/more, the domains in "
                        "/etc/domains: Postfix puts it into mailboxes"));
  EXPECT_THAT(note("mydestination = one.example\nmailbox_transport = lmtp:unix:private/lmtp"),
              HasSubstr("Postfix gives it to lmtp:unix:private/lmtp (mailbox_transport)"));
  EXPECT_THAT(note("mydestination = hash:/etc/more\nlocal_transport = lmtp:inet:127.0.0.1:24"),
              HasSubstr("Postfix gives it to lmtp:inet:127.0.0.1:24 (local_transport)"));
}

TEST(PostfixImport, TheRouteThatIsMissingIsWritten) {
  const auto note = [](const PostfixImport& out) -> std::string {
    for (const std::string& one : out.notes) {
      if (one.starts_with("mail for ")) return one;
    }
    return "";
  };
  const std::string none = "mydestination =\n";
  const PostfixImport box = imported(none + "virtual_mailbox_domains = b.example, a.example\n");
  EXPECT_THAT(note(box), HasSubstr("add [[route]] match = [\"b.example\", \"a.example\"] to = "
                                   "[\"HOST\"], the server that has its mailboxes"));
  EXPECT_THAT(box.toml, HasSubstr("\n# [[route]]\n# match = [\"b.example\", \"a.example\"]\n# to = "
                                  "[\"HOST\"]\n"));
  // The rows of a table are its domains, without those that have a route, and addresses.
  EXPECT_THAT(note(imported(none + "virtual_mailbox_domains = hash:/all_rows\n")),
              HasSubstr("mail for a.example: "));
  EXPECT_EQ(note(imported(none + "virtual_mailbox_domains = hash:/all_rows\n"
                                 "transport_maps = hash:/all_rows\n")),
            "");
  EXPECT_THAT(note(imported(none + "relay_domains = r.example\n")),
              HasSubstr("mail for r.example: goes to the MX hosts of its domain, as in Postfix; "
                        "where these are this gateway, it is lost: add [[route]]"));
  EXPECT_EQ(note(imported(none + "relay_domains = r.example\nrelayhost = smart.example\n")), "");
  EXPECT_THAT(note(imported(none + "relay_domains = mysql:/etc/my.cf\n")),
              HasSubstr("the domains in mysql:/etc/my.cf: goes to"));
  EXPECT_THAT(imported("myhostname = mx.example\nmydestination = \n").toml,
              Not(HasSubstr("# [[route]]")));
}

TEST(PostfixImport, NamesOfTheHost) {
  EXPECT_EQ(fate_of("myorigin = /etc/mailname"),
            "carried with a change: the name in /etc/mailname, as it is now");
  EXPECT_THAT(imported("myorigin = /etc/mailname").toml, HasSubstr("myorigin = \"example.com\""));
  EXPECT_THAT(fate_of("myorigin = /etc/elsewhere"), HasSubstr("could not be read"));
  const PostfixImport odd = imported("myhostname = under_score.example.com");
  EXPECT_THAT(fate_of(odd, "myhostname"), HasSubstr("set server.hostname"));
  EXPECT_FALSE(parsed_toml(odd)["server"]);
}

TEST(PostfixImport, MistakesPreventIt) {
  const PostfixImport out = import_postfix("myhostname = a.example\nsmtpd_helo_required\n");
  EXPECT_FALSE(out.ok());
  EXPECT_TRUE(out.toml.empty());
  ASSERT_EQ(out.diagnostics.size(), 1U);
  EXPECT_THAT(out.diagnostics[0].message, HasSubstr("line 2"));
}

TEST(PostfixImport, NamesThatMeanSomethingElse) {
  const PostfixImport out = import_postfix(
      "smtpd_restriction_classes = data, fine\nfine = permit\ndata = reject\nmode = unused\n");
  EXPECT_FALSE(out.ok());
  ASSERT_EQ(out.diagnostics.size(), 1U) << "what is not carried may have any name";
  EXPECT_EQ(out.diagnostics[0].message,
            "line 3: data is a key of [restrictions] with another meaning");
}

TEST(PostfixImport, AnyTextIsAString) {
  const std::vector<std::string> texts[] = {
      {"plain"},         {R"(regexp: /^\w+"x"/)"},          {R"(it's "both" \)"}, {""},
      {"tab\there"},     {std::string("nul\0byte\x7f", 9)}, {"a", "b \"\"\" c"},  {"x\\", "it's"},
      {"x\\d", "\"y\""},
  };
  for (const auto& lines : texts) {
    const auto text = toml_string(lines);
    ASSERT_TRUE(text.has_value());
    std::string expected;
    for (const std::string& line : lines) {
      expected += lines.size() == 1 ? line : "  " + line + "\n";
    }
    const auto table = parse_toml("x = " + *text);
    ASSERT_TRUE(table.has_value()) << table.error().why << ": " << *text;
    EXPECT_EQ((*table)["x"].value_or(std::string("?")), expected) << *text;
  }
  EXPECT_FALSE(toml_string({"\xff"}).has_value());
  EXPECT_THAT(fate_of("mydestination = \xff"), HasSubstr("not supported: not UTF-8"));
}

/// Checks what holds for the import of any readable main.cf.
void check_import(const std::string& text) {
  const PostfixImport out = imported(text);
  Diagnostics diagnostics;
  std::map<std::string, std::string, std::less<>> settings;
  for (Setting& one : parse_main_cf(text, diagnostics)) {
    settings.insert_or_assign(one.name, one.value);
  }
  std::multiset<std::string> reported;
  const toml::table file = parsed_toml(out);
  for (const ImportedParameter& one : out.parameters) {
    reported.insert(one.name);
    EXPECT_TRUE(one.fate == Fate::carried || !one.note.empty()) << one.name;
    const auto written = file["restrictions"][one.name].value<std::string>();
    EXPECT_EQ(is_restriction_parameter(one.name), written && is_restriction_parameter(one.name))
        << one.name << " is not in [restrictions]";
    if (!written || (one.name == "myorigin" && one.fate == Fate::changed)) continue;
    // Apart from line ends, the value is that of main.cf.
    const auto there = split_words(*written);
    const auto here = split_words(settings.at(one.name));
    ASSERT_TRUE(there.has_value() && here.has_value()) << one.name;
    ASSERT_EQ(there->size(), here->size()) << one.name;
    for (std::size_t i = 0; i < there->size(); ++i) EXPECT_EQ((*there)[i].text, (*here)[i].text);
  }
  EXPECT_EQ(reported.size(), settings.size());
  for (const auto& [name, value] : settings) EXPECT_EQ(reported.count(name), 1U) << name;
}

TEST(PostfixImport, EveryParameterOnce) { check_import(std::string(example)); }

/// The configurations of POSTERN_REAL_CONFIGURATIONS (see lint_suite_test.cc), by id.
std::map<std::string, std::string> real_main_cfs() {
  std::map<std::string, std::string> configurations;
  const char* file = std::getenv("POSTERN_REAL_CONFIGURATIONS");
  if (file == nullptr) return configurations;
  const boost::json::value suite = boost::json::parse(tests::read_file(file));
  for (const auto& one : suite.at("cases").as_array()) {
    configurations[one.at("origin_id").as_string().c_str()] = one.at("main_cf").as_string().c_str();
  }
  return configurations;
}

class RealMainCf : public ::testing::TestWithParam<std::pair<const std::string, std::string>> {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(RealMainCf);
INSTANTIATE_TEST_SUITE_P(Open, RealMainCf, ::testing::ValuesIn(real_main_cfs()),
                         [](const auto& one) { return "n" + std::to_string(one.index); });

TEST_P(RealMainCf, IsImportedWithEveryParameterReportedOnce) {
  SCOPED_TRACE(GetParam().first);
  check_import(GetParam().second);
}

}  // namespace
}  // namespace postern::dialect::restrictions
