#include "explain/live.h"

#include <iostream>

#include <fmt/format.h>
#include <boost/asio/io_context.hpp>

#include "config/engine.h"
#include "config/input_file.h"
#include "config/room_options.h"
#include "explain/dns_file.h"
#include "gateway/consultation.h"
#include "mail/literal.h"
#include "net/unbound_resolver.h"

namespace postern::app {

namespace {

/// `bare`: the domain may be missing, as in an address of this server.
Result<mail::Mailbox> address(const std::string& option, const std::string& text, bool bare) {
  Result<mail::Mailbox> parsed = mail::parse_mailbox(text, mail::Utf8::allowed);
  if (parsed) return parsed;
  if (bare) {
    const auto path = mail::parse_postfix_path("<" + text + ">", mail::Utf8::allowed);
    if (path && path->length == text.size() + 2 && path->mailbox) return *path->mailbox;
  }
  return fail(Fault::malformed, fmt::format("{} {}: {}", option, text, parsed.error().message));
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
  gateway::ListenerSettings listener;
  follow_lists(listener, config.restrictions);
  const bool bare = listener.session.bare_addresses;
  Dialogue said;
  said.client = options.client_ip.value_or(said.client);
  said.helo = options.helo.value_or(mail::literal_of(said.client));
  if (said.helo->empty()) said.helo.reset();
  said.tls = options.tls;
  said.login = options.auth;
  if (options.mail_from && !options.mail_from->empty()) {
    Result<mail::Mailbox> path = address("--from", *options.mail_from, bare);
    if (!path) return tl::unexpected(path.error());
    said.sender = std::move(*path);
  }
  for (const std::string& text : options.recipients) {
    Result<mail::Mailbox> recipient = address("--to", text, bare);
    if (!recipient) return tl::unexpected(recipient.error());
    said.recipients.push_back(std::move(*recipient));
  }
  if (options.message) {
    const Result<std::string> text = read_input(*options.message, std::cin);
    if (!text) return tl::unexpected(text.error());
    said.message = with_crlf(*text);
  }
  return said;
}

}  // namespace

Result<policy::Trace> decide_live(const Config& config, const ExplainOptions& options,
                                  const policy::Directory& directory,
                                  const RememberedAddress& remembered) {
  const Result<Dialogue> said = dialogue_of(config, options);
  if (!said) return tl::unexpected(said.error());
  const policy::Engine engine = engine_for(config);
  boost::asio::io_context loop(1);
  const auto resolver = resolver_for(config, options, loop);
  if (!resolver) return tl::unexpected(resolver.error());
  net::WorkPool lookups(1, 1);
  const auto tables = std::make_shared<gateway::RemoteTables>(lookups);
  tables->replace(remote_tables(config));
  const std::chrono::milliseconds patience = authentication_options(config).decide_within;
  return play({.config = config,
               .engine = engine,
               .directory = directory,
               .resolver = **resolver,
               .loop = &loop,
               .others =
                   [&](policy::Consultation question, policy::Evidence& evidence) {
                     return gateway::consult(std::move(question), patience, tables, evidence);
                   },
               .remembered = remembered},
              *said);
}

}  // namespace postern::app
