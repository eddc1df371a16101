// Passes the credentials to Dovecot's authentication service through its client socket (Dovecot
// "Authentication Protocol", version 1).
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "base/descriptor.h"
#include "base/text.h"
#include "gateway/auth_source_verifier.h"
#include "net/socket_wait.h"
#include "policy/evidence.h"

namespace postern::gateway {
namespace {

using policy::AuthAnswer;
using Said = AuthAnswer::Kind;

/// Dovecot sends no longer lines.
constexpr std::size_t longest_line = 16 * 1024;

/// A connection to the socket that blocks until a deadline.
class Dialogue {
 public:
  explicit Dialogue(Clock::time_point deadline)
      : deadline_(deadline),
        socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {}

  bool connect(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (!socket_.is_open()) return false;
    if (path.size() >= sizeof address.sun_path) {
      errno = ENAMETOOLONG;
      return false;
    }
    path.copy(address.sun_path, path.size());
    return ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
           0;
  }
  bool write(std::string_view text) {
    while (!text.empty()) {
      const ssize_t done = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (done > 0) {
        text.remove_prefix(static_cast<std::size_t>(done));
      } else if (errno != EAGAIN || !wait(POLLOUT)) {
        return false;
      }
    }
    return true;
  }
  /// The next line without its end; nullopt: none before the deadline.
  std::optional<std::string> line() {
    for (;;) {
      const std::size_t end = buffer_.find('\n');
      if (end != std::string::npos) {
        std::string line = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        return line;
      }
      if (buffer_.size() > longest_line || !wait(POLLIN)) return std::nullopt;
      char chunk[4096];
      const ssize_t got = ::recv(socket_.get(), chunk, sizeof chunk, 0);
      if (got <= 0) return std::nullopt;
      buffer_.append(chunk, static_cast<std::size_t>(got));
    }
  }

 private:
  bool wait(short events) { return net::wait_for_socket(socket_.get(), events, deadline_); }

  const Clock::time_point deadline_;
  const Descriptor socket_;
  std::string buffer_;
};

/// The initial response that the client would have sent to Dovecot: PLAIN, or the token.
std::string initial_response(const policy::AuthAttempt& attempt) {
  if (attempt.mechanism == "OAUTHBEARER") {
    const std::string& name = attempt.authz_id;
    // RFC 7628 §3.1: the GS2 header (RFC 5801 §4), in which the name is escaped.
    return base64_encode("n," + (name.empty() ? "" : "a=" + smtp::sasl_name(name)) +
                         ",\1auth=Bearer " + attempt.password.reveal() + "\1\1");
  }
  return base64_encode(std::string(1, '\0') + attempt.authn_id + '\0' + attempt.password.reveal());
}

std::string request_line(const policy::AuthAttempt& attempt, const policy::Evidence& evidence) {
  const std::string_view mechanism = attempt.mechanism == "OAUTHBEARER" ? "OAUTHBEARER" : "PLAIN";
  // Postern counts failures itself: Dovecot's own delay would block a thread for all clients.
  // `resp=` must be the last parameter.
  const IpAddress& client = evidence.session.client_ip;
  return fmt::format("AUTH\t1\t{}\tservice=smtp{}\tno-penalty{}\tresp={}\n", mechanism,
                     client.is_known() ? "\trip=" + client.to_string() : "",
                     evidence.session.tls ? "\tsecured=tls" : "", initial_response(attempt));
}

tl::unexpected<Error> dovecot_trouble(const std::string& file, std::string_view what) {
  return fail(Fault::temporary, fmt::format("{}: {}", file, what));
}

Result<AuthAnswer> answer_of_reply(const DovecotReply& reply, const std::string& file) {
  if (reply.command == "OK") {
    if (reply.has("nologin")) return AuthAnswer{.kind = Said::refused, .detail = "may not log in"};
    const auto user = reply.value("user");
    if (!user || !smtp::fit_identity(*user)) return dovecot_trouble(file, "an OK without a user");
    AuthAnswer answer{.kind = Said::accepted};
    answer.identity.username = *user;
    return answer;
  }
  if (reply.command != "FAIL") return dovecot_trouble(file, "an answer that was not asked for");
  if (reply.has("temp") || reply.value("code") == "temp_fail")
    return dovecot_trouble(file, "a temporary failure");
  return AuthAnswer{.detail = reply.value("code").value_or("wrong name or password")};
}

Result<AuthAnswer> ask_dovecot(const std::string& file, const std::string& request,
                               Clock::time_point deadline) {
  Dialogue dialogue(deadline);
  if (!dialogue.connect(file)) return dovecot_trouble(file, std::strerror(errno));
  if (!dialogue.write(fmt::format("VERSION\t1\t1\nCPID\t{}\n", ::getpid())))
    return dovecot_trouble(file, "it does not take what is said");
  for (bool ready = false; !ready;) {
    const auto line = dialogue.line();
    if (!line) return dovecot_trouble(file, "no greeting in time");
    if (line->starts_with("VERSION\t") && !line->starts_with("VERSION\t1\t"))
      return dovecot_trouble(file, "another version of the protocol");
    ready = *line == "DONE";
  }
  if (!dialogue.write(request)) return dovecot_trouble(file, "it does not take what is said");
  for (int challenges = 0;;) {
    const auto line = dialogue.line();
    if (!line) return dovecot_trouble(file, "no answer in time");
    const DovecotReply reply = parse_dovecot_reply(*line);
    if (reply.id != "1") continue;
    if (reply.command != "CONT") return answer_of_reply(reply, file);
    // The error of a token (RFC 7628 §3.2.2). FAIL follows the client's ^A (§3.2.3).
    if (++challenges > 1 || !dialogue.write("CONT\t1\tAQ==\n"))
      return dovecot_trouble(file, "it asks for more");
  }
}

class DovecotVerifier final : public SourceVerifier {
 public:
  DovecotVerifier(const AuthSource& source, AuthWorkers workers)
      : SourceVerifier(source), lookups_(workers.lookups) {}
  bool serves(std::string_view mechanism) const override {
    return SourceVerifier::serves(mechanism) || (source_.oauthbearer && mechanism == "OAUTHBEARER");
  }

 protected:
  Task<AuthAnswer> ask(const policy::AuthAttempt& attempt,
                       const policy::Evidence& evidence) const override {
    auto work = [file = source_.file, request = Secret(request_line(attempt, evidence)),
                 until = deadline()] { return ask_dovecot(file, request.reveal(), until); };
    Result<AuthAnswer> answer = co_await on_thread(lookups_, turn_of(evidence), std::move(work));
    if (!answer) co_return AuthAnswer{.kind = Said::unavailable, .detail = answer.error().message};
    co_return std::move(*answer);
  }

 private:
  net::WorkPool& lookups_;
};

/// \001 followed by 0, 1, t, r or n stands for NUL, \001, tab, CR or LF.
std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\1' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char code = text[++i];
    out += code == '0'   ? '\0'
           : code == '1' ? '\1'
           : code == 't' ? '\t'
           : code == 'r' ? '\r'
           : code == 'n' ? '\n'
                         : code;
  }
  return out;
}

}  // namespace

std::optional<std::string> DovecotReply::value(std::string_view name) const {
  for (const std::string& word : words) {
    if (word.size() > name.size() && word.starts_with(name) && word[name.size()] == '=')
      return word.substr(name.size() + 1);
  }
  return std::nullopt;
}

bool DovecotReply::has(std::string_view word) const {
  return std::find(words.begin(), words.end(), word) != words.end();
}

DovecotReply parse_dovecot_reply(std::string_view line) {
  const std::vector<std::string_view> parts = split(line, '\t');
  DovecotReply reply{.command = std::string(parts[0]), .id = {}, .words = {}};
  if (parts.size() > 1) reply.id = std::string(parts[1]);
  for (std::size_t i = 2; i < parts.size(); ++i) reply.words.push_back(unescaped(parts[i]));
  return reply;
}

OpenedSource open_dovecot(const AuthSource& source, AuthWorkers workers) {
  return std::make_shared<const DovecotVerifier>(source, workers);
}

}  // namespace postern::gateway
