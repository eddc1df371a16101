// The key table as an example file and as a manual page.
#include <fmt/format.h>

#include "base/amount.h"
#include "config/handbook.h"
#include "config/restart.h"
#include "config/schema.h"
#include "dialect/restrictions/section.h"

namespace postern::app {

namespace {

std::string range_of(const Key& key) {
  const auto amount = [&](std::uint64_t value) {
    if (key.kind == Kind::duration) return duration_text(Milliseconds(value));
    if (key.kind == Kind::size) return size_text(value);
    return std::to_string(value);
  };
  switch (key.kind) {
    case Kind::count:
    case Kind::size:
    case Kind::duration:
      return fmt::format("{}, {} to {}", kind_name(key.kind), amount(key.least), amount(key.most));
    case Kind::choice: {
      std::string out;
      for (const std::string_view word : key.choices) {
        out += fmt::format("{}`\"{}\"`", out.empty() ? "" : ", ", word);
      }
      return out;
    }
    default:
      return std::string(kind_name(key.kind));
  }
}

constexpr std::string_view manual_head = R"(# Configuration

One TOML file, named with `--config` or `POSTERN_CONFIG`. Without both, commands read that of the service,
`/etc/postern/postern.toml`, if it exists; `postern serve`, and commands on a machine without that file, use the defaults of this
page, on loopback only. `postern config example` prints the whole file, `postern check` loads it and names every
mistake with its line and column, `postern help CODE` explains an error code.

* Every key has a default and may be left out. An unknown key or section is an error.
* Durations are whole numbers with a unit: `250ms`, `5s`, `3m`, `1h`, `7d`. Sizes: `64 KiB`, `25 MiB`, `1 GiB`, or octets.
* `SIGHUP` (`systemctl reload`) reads the file again, and the files it names: decisions use it at once, sessions from the next
  one on. A key with `*` waits, wholly or in part, for the next start; when one was changed the log says so, as
  `config.needs_restart`, and `postern reload` names it. A file with a mistake changes nothing, and neither does one that adds, removes or moves a
  `[[listener]]`: that needs a restart.
* New sessions use a renewed certificate within a minute, after `SIGHUP`, or at once by `postern tls install`
  ([certificates](tls.md)); the log says `tls.renewed`. The start, `SIGHUP` and
  `postern check` warn of one that ends within 21 days, or is for another name than `server.hostname` (RFC 6125).
* Networks are in CIDR notation without host bits; an IPv4-mapped IPv6 address is its IPv4 address.
* Relative file names are relative to the working directory. `credential:NAME` is a file that systemd's
  `LoadCredential=` provides; `postern check --credentials ID:PATH` finds it outside of the service ([deployment](deploy.md)).
* `[[listener]]` may be given several times, once for each address; without any there is one with the defaults.
  `[[route]]` and `[[egress]]` likewise, once for each route and each source address; without any there is none
  ([relaying](relay.md)). `[[auth.source]]` once for each source of accounts, in the order in which they are asked
  ([signing in](auth.md)).

```console
$ printf '[server]\nhostname = "mx.example.net"\n[limits]\nrecipients = 0\n' > postern.toml
$ postern check --config postern.toml; echo $?
…
postern.toml: 1 error, 0 warnings
78
$ sed -i 's/recipients = 0/recipients = 500/' postern.toml
$ postern check --config postern.toml
…
postern.toml: ok…: …
```

)";

/// A key of [restrictions], which has its own table (dialect/restrictions/section.h).
struct ListKey {
  std::string_view name;
  std::string_view preset;  ///< for keys that are no parameters; parameters have their own
  std::string_view comment;
};

constexpr ListKey list_keys[] = {
    {"mode", "\"enforce\"", "\"shadow\": judged and shown in traces, and nothing is refused"},
    {"errors", "\"refuse\"", "\"defer\": a part that cannot be read gives 451 where it is needed"},
    {"require_complete_lists", "false", "a list that does not decide every request is an error"},
    {"i_know_this_is_an_open_relay", "false", "lists that let unknown clients relay are accepted"},
    {"client", "", "who may connect: smtpd_client_restrictions"},
    {"helo", "", "what the client may call itself: smtpd_helo_restrictions"},
    {"sender", "", "reverse-paths: smtpd_sender_restrictions"},
    {"relay", "", "who may send to whom: smtpd_relay_restrictions"},
    {"recipient", "", "recipients, after relay: smtpd_recipient_restrictions"},
    {"data", "", "at DATA: smtpd_data_restrictions"},
    {"end_of_data", "", "after the message: smtpd_end_of_data_restrictions"},
    {"etrn", "", "at ETRN: smtpd_etrn_restrictions"},
    {"mynetworks", "", "networks that permit_mynetworks lets through"},
    {"relay_domains", "", "domains that mail is relayed to, and those below them"},
};

std::string preset_of(const ListKey& key) {
  namespace restrictions = dialect::restrictions;
  static const restrictions::Parameters usual = restrictions::parameters_of({}, "localhost");
  if (!key.preset.empty()) return std::string(key.preset);
  return fmt::format("\"{}\"", usual.raw(restrictions::parameter_named(key.name)));
}

}  // namespace

std::string example_config() {
  std::string out =
      "# Postern's configuration. Every key is shown with its default; a commented key may be left "
      "out.\n"
      "# Durations: \"250ms\", \"5s\", \"3m\", \"1h\", \"7d\". Sizes: \"64 KiB\", \"25 MiB\", or a "
      "number of "
      "octets.\n";
  std::string_view section;
  for (const Key& key : config_keys()) {
    if (key.section != section) {
      section = key.section;
      out += fmt::format("\n{}\n", section_header(section));
    }
    out +=
        fmt::format("{:<32}  # {}\n", fmt::format("# {} = {}", key.name, key.preset), key.comment);
  }
  out +=
      "\n# Restriction lists, as in Postfix; without the section there are none.\n"
      "#   [restrictions]\n";
  for (const ListKey& row : list_keys) {
    out += fmt::format("{:<32}  # {}\n", fmt::format("#   {} = {}", row.name, preset_of(row)),
                       row.comment);
  }
  out +=
      "\n# Sentences that no edit of the policy may break (docs/guardrails.md), each with a name.\n"
      "#   [guardrails]\n"
      "#   no_relay = \"never accept where client not in mynetworks and auth = none and rcpt is "
      "foreign\"\n";
  // The same on every machine: setup and the package compare a file with it.
  return with_pages(out, [](std::string_view page) { return fmt::format("handbook: {}", page); });
}

std::string config_manual() {
  std::string out(manual_head);
  std::string_view section;
  for (const Key& key : config_keys()) {
    if (key.section != section) {
      section = key.section;
      out += fmt::format("{}## `{}`\n\n| key | default | value | meaning |\n|---|---|---|---|\n",
                         key.section == "server" ? "" : "\n", section_header(section));
    }
    out += fmt::format("| `{}`{} | `{}` | {} | {} |\n", key.name, waits_for_start(key) ? " *" : "",
                       key.preset, range_of(key), key.comment);
  }
  out +=
      "\n## `[restrictions]`\n\nRestriction lists, as in Postfix ([restriction "
      "lists](restriction-lists.md)); without the section there are none. Every other\nparameter "
      "of `main.cf` that lists depend on is written here under its own name.\n\n| key | default | "
      "meaning |\n|---|---|---|\n";
  for (const ListKey& row : list_keys) {
    out += fmt::format("| `{}` | `{}` | {} |\n", row.name, preset_of(row), row.comment);
  }
  out +=
      "\n## `[guardrails]`\n\nSentences that no edit of the policy may break "
      "([guardrails](guardrails.md)). Each key is a name that you choose; its value is a "
      "sentence,\nor a table with these keys.\n\n| key | default | meaning |\n|---|---|---|\n"
      "| `rule` |  | the sentence |\n"
      "| `enforce` | `\"refuse\"` | `\"warn\"`: a broken sentence is a warning |\n"
      "| `public` | `false` | other accounts may read the sentence when it refuses their edit |\n"
      "| `networks.NAME` |  | networks with commas, which sentences call `@NAME` |\n";
  return out;
}

}  // namespace postern::app
