// Manual pages in mdoc(7), from the tables of commands and keys.
#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "base/version.h"
#include "cli/help.h"
#include "config/schema.h"

namespace postern::app {

namespace {

/// Text for roff: no escape, no request at the begin of a line, hyphens that can be copied.
std::string roff(std::string_view text) {
  std::string out;
  bool begins = true;
  for (const char c : text) {
    if (begins && (c == '.' || c == '\'')) out += "\\&";
    begins = c == '\n';
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out;
}

/// The arguments of a macro: words that are macros themselves lose their meaning by `\&`.
std::string argument(std::string_view text) {
  std::string quotes;
  for (const char c : roff(text)) quotes += c == '"' ? std::string("\\(dq") : std::string(1, c);
  return "\"\\&" + quotes + "\"";
}

std::string dashed(std::string_view name) {
  std::string out(name);
  std::ranges::replace(out, ' ', '-');
  return out;
}

int section_of(const CommandSpec& command) {
  return command.name == "serve" || command.name == "reload" ? 8 : 1;
}

/// Without a date: the same octets come from the same source.
std::string head(std::string_view name, int section, std::string_view brief) {
  return fmt::format(".Dd\n.Dt {} {}\n.Os \"Postern {}\"\n.Sh NAME\n.Nm {}\n.Nd {}\n",
                     upper(roff(name)), section, current_version().number, roff(name), roff(brief));
}

std::string list_of_options(std::span<const OptionSpec> options) {
  std::string out;
  for (const OptionSpec& option : options) {
    const std::string left = option.usage();
    out += fmt::format(".It {}\n{}", argument(left), roff(wrapped(option.help, 0)));
    if (!option.preset.empty()) out += roff(wrapped(fmt::format("Default: {}", option.preset), 0));
  }
  return out;
}

std::string pages_of_commands(const CommandSpec* without) {
  std::string out;
  for (const CommandSpec& command : commands()) {
    if (&command == without) continue;
    out += fmt::format("{}.Xr {} {}", out.empty() ? "" : " ,\n",
                       roff("postern-" + dashed(command.name)), section_of(command));
  }
  return out;
}

std::string page_of(const CommandSpec& command) {
  std::string out = head("postern-" + dashed(command.name), section_of(command), command.summary);
  out += fmt::format(".Sh SYNOPSIS\n.Nm postern\n{}\n",
                     roff(fmt::format("{} {}", command.name, command.usage)));
  out += ".Sh DESCRIPTION\n" + roff(wrapped(command.purpose, 0));
  out += ".Pp\nThe options are:\n.Bl -tag -width Ds\n" + list_of_options(command.options) +
         list_of_options(common_options()) + ".El\n";
  out += ".Sh EXIT STATUS\n.Bl -tag -width Ds\n";
  for (const ExitCode code : command.exit_codes) {
    out += fmt::format(".It {}\n{}", to_int(code), roff(wrapped(meaning_of(code), 0)));
  }
  out += ".El\n.Sh EXAMPLES\n.Bl -tag -width Ds\n";
  for (const ExampleSpec& example : command.examples) {
    out += fmt::format(".It {}\n{}", argument(example.line), roff(wrapped(example.what, 0)));
  }
  return out + ".El\n.Sh SEE ALSO\n.Xr postern.toml 5 ,\n.Xr postern 8\n";
}

std::string page_of_all() {
  std::string out = head("postern", 8, "SMTP gateway whose acceptance policy is yours");
  out +=
      ".Sh SYNOPSIS\n.Nm postern\n.Ar command\n.Op Ar options\n.Sh DESCRIPTION\n"
      "Takes mail over SMTP, decides by a policy whether it is accepted, and hands it to a webhook "
      "or relays it.\nThe commands are:\n.Bl -tag -width Ds\n";
  for (const CommandSpec& command : commands()) {
    out += fmt::format(".It {}\n{}", argument(command.name), roff(wrapped(command.purpose, 0)));
  }
  return out + ".El\n.Sh SEE ALSO\n" + pages_of_commands(nullptr) + " ,\n.Xr postern.toml 5\n";
}

std::string page_of_configuration() {
  std::string out = head("postern.toml", 5, "configuration of Postern");
  out +=
      ".Sh DESCRIPTION\nOne TOML file.\nEvery key has a default and may be left out.\n"
      "An unknown key or section is an error.\n";
  std::string_view section;
  for (const Key& key : config_keys()) {
    if (key.section != section) {
      if (!section.empty()) out += ".El\n";
      section = key.section;
      out += fmt::format(".Ss {}\n.Bl -tag -width Ds\n", argument(section_header(section)));
    }
    out += fmt::format(".It {}\n{}", argument(fmt::format("{} = {}", key.name, key.preset)),
                       roff(wrapped(key.comment, 0)));
  }
  return out + ".El\n.Sh SEE ALSO\n.Xr postern\\-check 1 ,\n.Xr postern 8\n";
}

}  // namespace

std::vector<std::string> manual_pages() {
  std::vector<std::string> names{"postern.8", "postern.toml.5"};
  for (const CommandSpec& command : commands()) {
    names.push_back(fmt::format("postern-{}.{}", dashed(command.name), section_of(command)));
  }
  return names;
}

std::optional<std::string> manual_page(std::string_view name) {
  if (name == "postern") return page_of_all();
  if (name == "postern.toml") return page_of_configuration();
  for (const CommandSpec& command : commands()) {
    const std::string dash = dashed(command.name);
    if (name == command.name || name == dash || name == "postern-" + dash) return page_of(command);
  }
  return std::nullopt;
}

}  // namespace postern::app
