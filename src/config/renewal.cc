#include "config/renewal.h"

#include <filesystem>
#include <system_error>

namespace postern::app {

std::string_view how_to_renew(CertificateOrigin origin) {
  switch (origin) {
    case CertificateOrigin::none:
      break;
    case CertificateOrigin::files:
      return "replace the files: new sessions use them within a minute, or after `postern reload`; "
             "if they are credentials of the unit, only after `systemctl restart postern` "
             "(docs/tls.md)";
    case CertificateOrigin::policy:
      return "renew it where the policy takes it from, then `postern reload`";
    case CertificateOrigin::installed:
    case CertificateOrigin::self_made:
      return "get a new one, then `postern tls install FULLCHAIN KEY` (docs/tls.md)";
  }
  return "";
}

std::string_view how_to_renew_credentials() {
  return "replace the files, then `systemctl restart postern`: systemd copies them for the service "
         "when it starts (docs/tls.md)";
}

std::string renewal_hook() {
  std::error_code unknown;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", unknown);
  const std::filesystem::path hook =
      program.parent_path().parent_path() / "lib/postern/hooks/renewed-certificate";
  return std::filesystem::exists(hook, unknown) ? hook.string() : std::string();
}

}  // namespace postern::app
