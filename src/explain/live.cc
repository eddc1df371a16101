#include "explain/live.h"

#include <algorithm>
#include <iostream>

#include <fmt/format.h>
#include <boost/asio/io_context.hpp>

#include "base/simulation.h"
#include "base/text.h"
#include "config/engine.h"
#include "config/input_file.h"
#include "config/room_options.h"
#include "explain/dns_file.h"
#include "gateway/consultation.h"
#include "mail/literal.h"
#include "net/unbound_resolver.h"
#include "policy/authentication.h"

namespace postern::app {

namespace {

/// The path of a command; what an option says may have its brackets. A control character would end
/// the command.
Result<std::string> path(const std::string& option, const std::string& text) {
  const auto is_control = [](unsigned char c) { return c < ' ' || c == 0x7f; };
  if (std::ranges::any_of(text, is_control)) {
    return fail(Fault::malformed,
                fmt::format("{} {}: a control character", option, printable(text, 255)));
  }
  return text.starts_with('<') ? text : "<" + text + ">";
}

/// The answers of the --dns file, otherwise the configured name servers.
Result<std::unique_ptr<dns::Resolver>> resolver_for(const Config& config,
                                                    const ExplainOptions& options,
                                                    boost::asio::io_context& loop) {
  if (!options.dns) {
    auto opened = net::UnboundResolver::open(loop.get_executor(), resolver_options(config));
    if (!opened) return tl::unexpected(opened.error());
    return std::unique_ptr<dns::Resolver>(std::move(*opened));
  }
  return dns_from_file(options.dns->string(), std::cin);
}

Result<Dialogue> dialogue_of(const Config& config, const ExplainOptions& options) {
  Dialogue said;
  said.client = options.client_ip.value_or(said.client);
  said.helo = options.helo.value_or(mail::literal_of(said.client));
  if (said.helo->empty()) said.helo.reset();
  said.listener = options.listener;
  if (listener_named(config, said.listener) == nullptr) {
    std::string names;
    for (const ListenerConfig& one : config.listeners) {
      names += (names.empty() ? "" : ", ") + one.name;
    }
    return fail(Fault::malformed,
                fmt::format("--listener {}: there is no such listener; there is {}",
                            printable(said.listener, 64), names));
  }
  said.tls = options.tls;
  said.login = options.auth;
  said.auth_in_clear = options.no_tls;
  Result<std::string> sender = path("--from", options.mail_from.value_or(""));
  if (!sender) return tl::unexpected(sender.error());
  said.mail_path = std::move(*sender);
  for (const std::string& text : options.recipients) {
    Result<std::string> recipient = path("--to", text);
    if (!recipient) return tl::unexpected(recipient.error());
    said.rcpt_paths.push_back(std::move(*recipient));
  }
  if (options.message) {
    const Result<std::string> text = read_input(*options.message, std::cin);
    if (!text) return tl::unexpected(text.error());
    said.message = with_crlf(*text);
  }
  return said;
}

/// The answers of --answer.
Result<RecordedAnswers> answers_of(const ExplainOptions& options) {
  RecordedAnswers given;
  for (const std::string& text : options.answers) {
    const std::size_t equals = text.rfind('=');
    if (equals == std::string::npos || equals == 0) {
      return fail(Fault::malformed,
                  fmt::format("--answer {}: a service and its answer are expected, such as "
                              "cmd:/usr/bin/true=0 or verify=deliverable",
                              printable(text, 100)));
    }
    const std::string service = text.substr(0, equals);
    given.services[service] = recorded_answer(service, text.substr(equals + 1));
  }
  return given;
}

}  // namespace

Result<policy::Trace> decide_live(const Config& config, const ExplainOptions& options,
                                  const policy::Directory& directory,
                                  const RememberedAddress& remembered) {
  const Result<Dialogue> said = dialogue_of(config, options);
  if (!said) return tl::unexpected(said.error());
  const Result<RecordedAnswers> given = answers_of(options);
  if (!given) return tl::unexpected(given.error());
  const AskOthers from_given = others_from(*given);
  const policy::Engine engine = engine_for(config);
  boost::asio::io_context loop(1);
  const auto resolver = resolver_for(config, options, loop);
  if (!resolver) return tl::unexpected(resolver.error());
  net::WorkPool lookups(1, 1);
  const auto tables = std::make_shared<gateway::RemoteTables>(lookups);
  tables->replace(remote_tables(config));
  const std::chrono::milliseconds patience = authentication_options(config).decide_within;
  return play(
      {.config = config,
       .engine = engine,
       .directory = directory,
       .resolver = **resolver,
       .loop = &loop,
       .others =
           [&](policy::Consultation question, policy::Evidence& evidence) {
             if (has_answer(*given, question) || question.service.starts_with(program_service)) {
               return from_given(std::move(question), evidence);
             }
             return gateway::consult(std::move(question), patience, tables, evidence);
           },
       .remembered = remembered},
      *said);
}

}  // namespace postern::app
