#include "cli/setup_answers.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <istream>
#include <ostream>

#include <fmt/format.h>
#include <unistd.h>

#include "base/address_guard.h"
#include "base/text.h"
#include "config/relay_options.h"
#include "config/service_files.h"
#include "setup/place.h"

namespace postern::app {

namespace {

using setup::Answers;
using setup::Certificate;
using setup::Destination;

constexpr std::string_view hint = "`postern setup --help`";

using AnswerReader = std::function<Result<std::string>(std::string_view)>;

/// The machine's name, if it has a domain.
std::string machine_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "";
  return setup::read_domain(name.data()).value_or("");
}

/// The name without its first label, if that is a domain.
std::string domain_of(const std::string& hostname) {
  const std::size_t dot = hostname.find('.');
  return dot == std::string::npos ? "" : setup::read_domain(hostname.substr(dot + 1)).value_or("");
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> out;
  std::string word;
  for (const char c : text) {
    if (c != ' ' && c != ',' && c != '\t') {
      word += c;
    } else if (!word.empty()) {
      out.push_back(std::move(word));
      word.clear();
    }
  }
  if (!word.empty()) out.push_back(std::move(word));
  return out;
}

/// Whether the configuration is beside that of the service, whose unit has credentials.
bool is_of_service(const std::string& config) {
  return std::filesystem::path(config).parent_path() ==
         std::filesystem::path(service_config).parent_path();
}

/// A file of the folder that the unit loads as `certs` is a credential (docs/deploy.md, "Secrets").
std::string as_the_service_names_it(const std::string& file, const std::string& config) {
  const std::filesystem::path path(file);
  const std::filesystem::path folder = std::filesystem::path(config).parent_path();
  if (!is_of_service(config) || path.parent_path() != folder / "credentials") return file;
  return "credential:certs_" + path.filename().string();
}

class Gathering {
 public:
  Gathering(const Arguments& arguments, const std::string& config, Streams& streams)
      : arguments_(arguments),
        config_(config),
        streams_(streams),
        asks_(streams.terminal && !arguments.has("--yes")) {}

  tl::expected<Answers, UsageError> run() {
    take_names();
    take_destination();
    take_certificate();
    take_rest();
    if (error_) return tl::unexpected(*error_);
    return std::move(answers_);
  }

 private:
  void refuse(std::string message) {
    if (!error_) error_ = UsageError{std::move(message), std::string(hint)};
  }

  /// Asks until the answer can be read. nullopt: no terminal, or the input ended.
  template <class Read>
  auto ask(std::string_view question, const std::string& preset, Read read)
      -> std::optional<typename decltype(read(std::string_view()))::value_type> {
    while (asks_ && !error_) {
      streams_.err << question << (preset.empty() ? "" : " [" + preset + "]") << ": " << std::flush;
      std::string line;
      if (!std::getline(streams_.in, line)) {
        streams_.err << '\n';
        asks_ = false;
        break;
      }
      const std::string_view given = trim(line);
      auto value = read(given.empty() ? std::string_view(preset) : given);
      if (value) return std::move(*value);
      streams_.err << value.error().message << '\n';
    }
    return std::nullopt;
  }

  /// The option, else the answer, else an error that names the option.
  std::string one(const std::string& option, std::string_view question, const std::string& preset,
                  const AnswerReader& read) {
    if (error_) return "";
    if (const auto given = arguments_.value(option)) return optional(option, read);
    if (auto answer = ask(question, preset, read)) return std::move(*answer);
    refuse(fmt::format("{} is missing", option));
    return "";
  }

  /// The option if it is given.
  std::string optional(const std::string& option, const AnswerReader& read) {
    const auto given = arguments_.value(option);
    if (!given || error_) return "";
    Result<std::string> value = read(*given);
    if (value) return std::move(*value);
    refuse(fmt::format("{}: {}", option, value.error().message));
    return "";
  }

  std::vector<std::string> several(const std::string& option, std::string_view question,
                                   const std::string& preset, const AnswerReader& read) {
    const auto all =
        [&](const std::vector<std::string>& words) -> Result<std::vector<std::string>> {
      std::vector<std::string> out;
      for (const std::string& word : words) {
        Result<std::string> value = read(word);
        if (!value) return tl::unexpected(value.error());
        if (std::ranges::find(out, *value) == out.end()) out.push_back(std::move(*value));
      }
      if (out.empty()) return fail(Fault::malformed, "one at least is needed");
      return out;
    };
    if (error_) return {};
    if (arguments_.has(option)) {
      auto read_all = all(arguments_.values(option));
      if (read_all) return std::move(*read_all);
      refuse(fmt::format("{}: {}", option, read_all.error().message));
      return {};
    }
    auto answer = ask(question, preset, [&](std::string_view line) { return all(words_of(line)); });
    if (answer) return std::move(*answer);
    refuse(fmt::format("{} is missing", option));
    return {};
  }

  void take_names() {
    answers_.hostname = one("--hostname", "Name of this gateway, as in its MX record",
                            arguments_.has("--hostname") ? "" : machine_name(), setup::read_domain);
    answers_.domains = several("--domain", "Domains whose mail it accepts",
                               domain_of(answers_.hostname), setup::read_domain);
  }

  void take_destination() {
    const int given = (arguments_.has("--relay") ? 1 : 0) + (arguments_.has("--webhook") ? 1 : 0) +
                      (arguments_.has("--inbox") ? 1 : 0);
    if (given > 1) return refuse("--relay, --webhook and --inbox exclude each other");
    if (arguments_.has("--webhook")) answers_.destination = Destination::webhook;
    if (arguments_.has("--inbox")) answers_.destination = Destination::inbox;
    if (given == 0) {
      const auto choice = ask(
          "Where does their mail go: to another mail server (relay), to an https URL (webhook), or "
          "into the built-in inbox (inbox)?",
          "relay", [](std::string_view text) -> Result<Destination> {
            if (iequals(text, "relay")) return Destination::relay;
            if (iequals(text, "webhook")) return Destination::webhook;
            if (iequals(text, "inbox")) return Destination::inbox;
            return fail(Fault::malformed, "answer relay, webhook or inbox");
          });
      if (!choice) return refuse("--relay, --webhook or --inbox is missing");
      answers_.destination = *choice;
    }
    if (answers_.destination == Destination::relay) {
      answers_.relay = one("--relay", "Name or address of that mail server", "", setup::read_relay);
    } else if (answers_.destination == Destination::webhook) {
      answers_.webhook = one("--webhook", "URL", "", setup::read_webhook);
    }
  }

  void take_certificate() {
    const std::string source = arguments_.value("--tls").value_or("acme");
    if (source != "acme" && source != "files" && source != "proxy") {
      return refuse(fmt::format("--tls: `{}` is not acme, files or proxy", printable(source, 64)));
    }
    for (const std::string option : {"--certificate", "--key"}) {
      if (arguments_.has(option) && source != "files") return refuse(option + " needs --tls files");
    }
    if (arguments_.has("--proxy-from") && source != "proxy") {
      return refuse("--proxy-from needs --tls proxy");
    }
    if (source == "files") {
      answers_.tls = Certificate::files;
      answers_.certificate_file = as_the_service_names_it(
          one("--certificate", "File of the certificate and its chain", "", setup::read_path),
          config_);
      answers_.key_file = as_the_service_names_it(
          one("--key", "File of its private key", "", setup::read_path), config_);
    } else if (source == "proxy") {
      answers_.tls = Certificate::proxy;
      answers_.proxies =
          several("--proxy-from", "Addresses or networks of the proxies", "", setup::read_network);
    }
  }

  void take_rest() {
    answers_.submission = arguments_.has("--submission");
    if (answers_.submission) {
      answers_.users_file = as_the_service_names_it(setup::users_file(config_), config_);
    }
    answers_.email = optional("--email", setup::read_email);
    if (answers_.email.empty()) answers_.email = setup::default_email(answers_);
    answers_.data_dir = optional("--data-dir", setup::read_path);
    if (answers_.data_dir.empty()) answers_.data_dir = service_data_dir;
    for (const std::string& text : arguments_.values("--address")) {
      const Result<IpAddress> address = IpAddress::parse(text);
      if (!address) return refuse(fmt::format("--address: {}", address.error().message));
      answers_.addresses.push_back(*address);
    }
    if (!answers_.addresses.empty()) return;
    for (const IpAddress& address : machine_addresses()) {
      if (reach_of(address) == Reach::global) answers_.addresses.push_back(address);
    }
  }

  const Arguments& arguments_;
  const std::string& config_;
  Streams& streams_;
  bool asks_;
  Answers answers_;
  std::optional<UsageError> error_;
};

}  // namespace

tl::expected<Answers, UsageError> setup_answers(const Arguments& arguments,
                                                const std::string& config, Streams& streams) {
  return Gathering(arguments, config, streams).run();
}

bool confirmed(const std::string& question, Streams& streams) {
  streams.err << question << " [Y/n]: " << std::flush;
  std::string line;
  if (!std::getline(streams.in, line)) {
    streams.err << '\n';
    return false;
  }
  const std::string_view given = trim(line);
  return given.empty() || iequals(given, "y") || iequals(given, "yes");
}

}  // namespace postern::app
