#include <cerrno>
#include <csignal>
#include <istream>
#include <ostream>

#include <termios.h>
#include <unistd.h>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "admin/passwords.h"
#include "base/text.h"
#include "base/time_text.h"
#include "cli/commands.h"
#include "cli/commands_store.h"
#include "cli/json_text.h"
#include "cli/live_data.h"
#include "mail/address.h"
#include "serve/one_time_links.h"

namespace postern::app {

namespace {

volatile std::sig_atomic_t interrupted = 0;
void note_interrupt(int) { interrupted = 1; }

/// Turns the terminal's echo off; the destructor restores it, also after Ctrl-C.
class SilentTerminal {
 public:
  SilentTerminal() {
    struct sigaction action{};
    action.sa_handler = note_interrupt;  // without SA_RESTART, so that read(2) returns
    sigaction(SIGINT, &action, &old_interrupt_);
    tcgetattr(STDIN_FILENO, &old_);
    termios silent = old_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  }
  ~SilentTerminal() {
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &old_);
    sigaction(SIGINT, &old_interrupt_, nullptr);
  }
  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;

  /// A line without its end; empty at the end of input or after Ctrl-C.
  static Secret read_line(std::size_t most = max_password) {
    std::string line;
    char c = 0;
    while (line.size() <= most && interrupted == 0 && ::read(STDIN_FILENO, &c, 1) == 1) {
      if (c == '\n') break;
      line += c;
    }
    return interrupted != 0 ? Secret() : Secret(std::move(line));
  }

 private:
  termios old_{};
  struct sigaction old_interrupt_{};
};

Result<Secret> ask_twice(const std::string& email, Streams& streams) {
  const SilentTerminal terminal;
  streams.err << fmt::format("New password of {}: ", email) << std::flush;
  Secret first = SilentTerminal::read_line();
  streams.err << "\n" << std::flush;
  if (first.empty()) return fail(Fault::denied, "no password was given");
  streams.err << "Once more: " << std::flush;
  const Secret second = SilentTerminal::read_line();
  streams.err << "\n" << std::flush;
  if (!first.equals(second.reveal())) return fail(Fault::denied, "the two passwords differ");
  return first;
}

Result<Secret> read_password(const std::string& email, Streams& streams) {
  if (streams.terminal) return ask_twice(email, streams);
  std::string line;
  std::getline(streams.in, line);
  if (!line.empty() && line.back() == '\r') line.pop_back();
  if (line.empty())
    return fail(Fault::denied,
                "no password on standard input: type it in a terminal, or pipe it in");
  return Secret(std::move(line));
}

}  // namespace

Result<Secret> read_given_password(Streams& streams) {
  // smtp::Limits::auth_line: a longer one cannot be used in AUTH.
  constexpr std::size_t most = 12288;
  Secret password;
  if (streams.terminal) {
    const SilentTerminal terminal;
    streams.err << "Password of the login: " << std::flush;
    password = SilentTerminal::read_line(most);
    streams.err << "\n" << std::flush;
  } else {
    std::string line;
    char c = 0;
    while (line.size() <= most && streams.in.get(c) && c != '\n') line += c;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    password = Secret(std::move(line));
  }
  if (password.empty())
    return fail(Fault::denied,
                "no password on standard input: type it in a terminal, or pipe it in");
  if (password.size() > most) {
    return fail(Fault::denied, fmt::format("the password has more than {} octets", most));
  }
  return password;
}

Result<PasswordSet> set_account_password(const std::filesystem::path& data_dir,
                                         const std::string& email, const Secret& password,
                                         RevokeTokens revoke, MakeAccount make) {
  const Result<mail::Mailbox> mailbox = mail::parse_mailbox(email, mail::Utf8::allowed);
  // RFC 5321 §4.5.3.1.3, without the angle brackets.
  if (!mailbox || mailbox->is_literal() || email.size() > 254) {
    return fail(Fault::malformed,
                fmt::format("`{}` is not an e-mail address", printable(email, 64)));
  }
  if (password.size() < min_password || password.size() > max_password) {
    return fail(Fault::denied,
                fmt::format("a password has {} to {} octets", min_password, max_password));
  }
  const Secret hash = admin::hash_password(password);
  const bool create = make == MakeAccount::yes;
  const auto answer = LiveData(data_dir, create ? LiveData::Make::yes : LiveData::Make::no)
                          .ask("set-password", {{"email", email},
                                                {"hash", hash.reveal()},
                                                {"revoke_tokens", revoke == RevokeTokens::yes},
                                                {"create", create}});
  if (!answer) return tl::unexpected(answer.error());
  return PasswordSet{std::string(answer->at("account_id").as_string()),
                     answer->at("created").as_bool()};
}

namespace {

/// The answer to "reset-link" or "owner-link"; `email`: for the former.
Result<ShownLink> link_from(std::string_view question, const Config& config,
                            const std::string& email) {
  const auto answer = LiveData(config.server.data_dir)
                          .ask(question, {{"email", email},
                                          {"public_url", config.api.public_url},
                                          {"otherwise", config.api.base_url()}});
  if (!answer) return tl::unexpected(answer.error());
  return ShownLink{std::string(answer->at("url").as_string()),
                   store::from_millis(answer->at("expires_at").to_number<std::int64_t>())};
}

/// `email`: of the account whose password it sets; empty: it makes the first account.
int show_link(const ShownLink& link, const std::string& email, bool json, bool quiet,
              Streams& streams) {
  const std::string until = to_rfc3339(*link.expires_at);
  if (json) {
    boost::json::object out{{"link", link.url}, {"expires_at", until}};
    if (!email.empty()) out["email"] = email;
    streams.out << json_text(out) << '\n';
  } else {
    if (!quiet) {
      streams.err << (email.empty() ? std::string("The first account, which operates this gateway")
                                    : email + " may set a new password")
                  << fmt::format(", once, until {}:\n", until);
    }
    streams.out << link.url << '\n';
  }
  return to_int(ExitCode::ok);
}

}  // namespace

namespace {

/// Asks whether the missing account should be created.
bool wants_account(const std::string& email, Streams& streams) {
  streams.err << fmt::format("There is no account {}. Make it? [y/N] ", printable(email, 254))
              << std::flush;
  std::string line;
  std::getline(streams.in, line);
  const std::string answer = lower(trim(line));
  return answer == "y" || answer == "yes";
}

}  // namespace

int run_passwd(const Arguments& arguments, Streams& streams) {
  const bool json = arguments.has("--json");
  const auto failed = [&](const Error& error) {
    report(error.message, "`postern passwd --help`", json, streams);
    return to_int(exit_code_of(error.fault));
  };
  const bool owner = arguments.has("--owner-link");
  if (owner && !arguments.words.empty()) {
    return report_usage(
        {"--owner-link takes no address: its user chooses one", "`postern passwd --owner-link`"},
        json, streams);
  }
  if (!owner && arguments.words.empty()) {
    return report_usage({"whose password?", "`postern passwd owner@example.com`"}, json, streams);
  }
  const std::optional<Config> config = load_for(arguments, streams, without_files(arguments));
  if (!config) return to_int(ExitCode::config);
  const std::string email = owner ? std::string() : arguments.words.front();
  if (owner || arguments.has("--reset-link")) {
    const Result<ShownLink> link = link_from(owner ? "owner-link" : "reset-link", *config, email);
    if (!link && owner && link.error().fault == Fault::conflict) {
      report(link.error().message, "`postern passwd --reset-link EMAIL`", json, streams);
      return to_int(ExitCode::no);
    }
    if (!link) return failed(link.error());
    return show_link(*link, email, json, arguments.has("--quiet"), streams);
  }
  const Result<Secret> password = read_password(email, streams);
  if (!password) return failed(password.error());
  const auto revoke = arguments.has("--revoke-tokens") ? RevokeTokens::yes : RevokeTokens::no;
  const auto set_password = [&](MakeAccount make) {
    return set_account_password(config->server.data_dir, email, *password, revoke, make);
  };
  auto set = set_password(arguments.has("--create") ? MakeAccount::yes : MakeAccount::no);
  if (!set && set.error().fault == Fault::not_found && streams.terminal) {
    if (!wants_account(email, streams)) return to_int(ExitCode::no_input);
    set = set_password(MakeAccount::yes);
  }
  if (!set && set.error().fault == Fault::not_found) {
    report(set.error().message, "`--create` makes the account", json, streams);
    return to_int(ExitCode::no_input);
  }
  if (!set) return failed(set.error());
  if (json) {
    streams.out << json_text(boost::json::object{{"account_id", set->account_id},
                                                 {"email", email},
                                                 {"created", set->created}})
                << '\n';
  } else if (!arguments.has("--quiet")) {
    streams.out << (set->created
                        ? fmt::format("account {} made\n", email)
                        : fmt::format("password of {} set; its sessions have ended\n", email));
  }
  return to_int(ExitCode::ok);
}

}  // namespace postern::app
