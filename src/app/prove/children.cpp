#include "children.hpp"

#include <csignal>
#include <utility>

#include "parts.hpp"

namespace tidings::app {

using messaging::servers::ChildProcess;

Children::Children(std::string consumer, std::string folder, std::string address, std::string run)
    : consumer_(std::move(consumer)),
      folder_(std::move(folder)),
      address_(std::move(address)),
      run_(std::move(run)),
      children_(kPerPart * kParts) {
  for (std::size_t i = 0; i < children_.size(); ++i) Start(i);
}

void Children::Start(std::size_t child) {
  const std::string role = Produces(child) ? "producer" : consumer_;
  const std::vector<std::string> command{
      "/proc/self/exe", "queue", "prove-part",  "--role", role,       "--part", std::to_string(PartOf(child)),
      "--run",          run_,    "--transport", address_, "--folder", folder_};
  children_[child] =
      std::make_unique<ChildProcess>(command, folder_ + "/" + role + "-" + std::to_string(child) + ".log");
}

void Children::KillOne(std::uint32_t turn) {
  const std::size_t victim = Victim(turn);
  children_[victim]->Kill();
  Start(victim);
}

void Children::StopOne(std::uint32_t turn) {
  const std::size_t leaver = Leaver(turn);
  children_[leaver]->Send(SIGTERM);
  if (!children_[leaver]->WaitFor(2 * kMostStopping)) children_[leaver]->Kill();
  Start(leaver);
}

void Children::Revive() {
  for (std::size_t i = 0; i < children_.size(); ++i) {
    if (!Produces(i) && !children_[i]->running()) Start(i);
  }
}

bool Children::ProducersEnded() {
  bool ended = true;
  for (std::size_t i = 0; i < children_.size(); ++i) ended = ended && (!Produces(i) || !children_[i]->running());
  return ended;
}

}  // namespace tidings::app
