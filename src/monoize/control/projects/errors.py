"""The ways in which the room refuses."""

from monoize.base.errors import BadRequest, Conflict, Forbidden, Invalid, NotFound, Unauthenticated, Unavailable


class NoSuchSecret(NotFound):
    """This service has no variable of this name."""

    code = "secret_not_found"
    hint = "`monoize secrets list SERVICE` shows them."


class NoSuchVersion(NotFound):
    """This version is not kept any more, or never was."""

    code = "secret_version_not_found"
    hint = "`monoize secrets versions SERVICE KEY` shows those that are kept."


class TooManyVariables(Invalid):
    """This would be more variables than one place may hold."""

    code = "too_many_variables"


class EnvironmentTooLarge(Invalid):
    """All variables together are larger than a container can be started with."""

    code = "environment_too_large"
    hint = "Put large values into a volume, and their path into a variable."


class NoSuchEnvironment(NotFound):
    """There is no such environment."""

    code = "environment_not_found"
    hint = "`monoize environments list` shows them."


class NoSuchVariable(NotFound):
    """This environment has no variable of this name."""

    code = "environment_variable_not_found"


class EnvironmentExists(Conflict):
    """An environment of this name exists."""

    code = "environment_exists"


class EnvironmentInUse(Conflict):
    """Services use this environment, or other environments inherit from it."""

    code = "environment_in_use"
    hint = "Give those another environment first; `used_by` names them."


class InheritanceCycle(Invalid):
    """An environment would inherit from itself."""

    code = "environment_cycle"


class EnvironmentTooDeep(Invalid):
    """Environments would inherit from one another too many times over."""

    code = "environment_too_deep"


class SecretUnreadable(Unavailable):
    """A stored value does not open with the present master key."""

    code = "secret_unreadable"
    hint = "Set the variable again, or bring the master key back that it was sealed with."


class ProjectScopeMissing(Forbidden):
    """This token is for certain projects, and this is not a matter of one of them."""

    code = "outside_of_projects"
    hint = "Use a token without `projects`."


class LockedDown(Unavailable):
    """Monoize is locked down: administrators alone may use it, and nothing is deployed."""

    code = "system_lockdown"
    hint = "`reason` says why; an administrator lifts it with `monoize lockdown lift`."


class NoSuchProject(NotFound):
    """There is no such project."""

    code = "project_not_found"
    hint = "`monoize projects list` shows them."


class ProjectExists(Conflict):
    """A project of this name exists."""

    code = "project_exists"


class ProjectGoing(Conflict):
    """This project is being deleted."""

    code = "project_being_deleted"
    hint = "`monoize projects removals` shows how far that is."


class NoSuchService(NotFound):
    """There is no such service."""

    code = "service_not_found"
    hint = "`monoize services list` shows them."


class ServiceExists(Conflict):
    """A service of this name exists in the project."""

    code = "service_exists"


class ServiceGoing(Conflict):
    """This service is being deleted."""

    code = "service_being_deleted"
    hint = "`monoize projects removals` shows how far that is."


class NameNotConfirmed(Invalid):
    """What is deleted has to be named exactly."""

    code = "name_not_confirmed"
    hint = "Send its name as `name`."


class PortsTwice(Invalid):
    """A port is named twice."""

    code = "port_twice"


class PortTaken(Conflict):
    """A port of the machine belongs to another service."""

    code = "port_taken"
    hint = "Take another one, or none: nginx reaches a service without it."


class NoPortFree(Unavailable):
    """All ports that may be given to services are taken."""

    code = "no_port_free"
    hint = "Delete services, or run fewer replicas."


class PrivilegedPort(Forbidden):
    """Ports below 1024 are for administrators to give."""

    code = "privileged_port"


class ReplicasShareAPort(Invalid):
    """Several replicas cannot share a fixed port of the machine."""

    code = "replicas_share_port"
    hint = "Leave `host` away and reach them through a route, or run one replica."


class VolumeTargetTwice(Invalid):
    """Two volumes have the same place in the container."""

    code = "volume_target_twice"


class MountNotAllowed(Forbidden):
    """This may not be mounted."""

    code = "mount_not_allowed"
    hint = "Use a named volume, or let `bind_mounts` name the folder; only administrators mount folders."


class LinkNotAllowed(Invalid):
    """A service links to other services of its own project."""

    code = "link_not_allowed"


class TooManyLinks(Conflict):
    """This service is told of as many others as one may be."""

    code = "too_many_links"
    hint = "Take links away that it does not need any more."


class CrashLooping(Conflict):
    """This service was stopped because it kept crashing."""

    code = "crash_looping"
    hint = "Look at `monoize logs SERVICE`, then `monoize services unlock SERVICE`."


class NotCrashLooping(Conflict):
    """This service was not stopped for crashing."""

    code = "not_crash_looping"


class NotDeployed(Conflict):
    """No release of this service has been live yet."""

    code = "not_deployed"
    hint = "`monoize deploy SERVICE`, and `monoize services show SERVICE` says why the last one failed."


class NoSuchRegistry(NotFound):
    """There is no such registry."""

    code = "registry_not_found"


class RegistryExists(Conflict):
    """A registry of this name exists."""

    code = "registry_exists"


class RegistryInUse(Conflict):
    """Services use this registry."""

    code = "registry_in_use"
    hint = "Give those another registry first; `used_by` names them."


class RegistryRefused(Invalid):
    """The registry does not take these credentials."""

    code = "registry_refused"
    hint = "`detail` is what it answered."


class EngineAway(Unavailable):
    """The container engine cannot be reached."""

    code = "engine_unavailable"
    hint = "Check `docker_url`, and that Monoize may open the engine's socket. What runs goes on running."


class EngineRefusedThis(Conflict):
    """The container engine refused."""

    code = "engine_refused"
    hint = "`detail` is what it answered."


class NotRunning(Conflict):
    """No replica of this service is running."""

    code = "service_not_running"
    hint = "`monoize services start SERVICE`."


class NoSuchReplica(NotFound):
    """This service has no such replica."""

    code = "replica_not_found"


class NoSuchOrphan(NotFound):
    """There is no container of ours that belongs to nothing by this id."""

    code = "orphan_not_found"


class NotAdoptable(Conflict):
    """This container cannot be made a service of again."""

    code = "orphan_not_adoptable"
    hint = "`said` says why."


class OrphanRuns(Conflict):
    """This container is running."""

    code = "orphan_running"
    hint = "Send `force: true` to stop and remove it."


class NoSuchRemoval(NotFound):
    """There is no such removal."""

    code = "removal_not_found"


class NoSuchRoute(NotFound):
    """There is no such route."""

    code = "route_not_found"


class RouteExists(Conflict):
    """Another route has this domain and path."""

    code = "route_exists"
    hint = "`monoize routes list --domain DOMAIN` shows it."


class PortNotExposed(Invalid):
    """The service does not listen on this port."""

    code = "port_not_exposed"
    hint = "Name one of its container ports, which `ports` lists."


class RouteWithoutTarget(Invalid):
    """A route leads to a service, to a machine of an agent, or to the gateway: to exactly one of them."""

    code = "route_without_target"


class GatewayAddressUnknown(Conflict):
    """Monoize has no fixed port here, so nginx cannot find its gateway."""

    code = "gateway_address_unknown"
    hint = "Set `port` to a number other than 0."


class RefusedByNginx(Invalid):
    """With this in it, nginx does not accept the configuration."""

    code = "refused_by_nginx"
    hint = "`said` is what nginx says; nothing was changed."


class NginxNotSetUp(Conflict):
    """No nginx is set up here: routes are kept and shown, and nobody is served."""

    code = "nginx_not_set_up"
    hint = "Set MONOIZE_NGINX to the program of an nginx 1.19.4 or newer."


class NginxNotReloaded(Conflict):
    """The routes as they are now are not served: nginx goes on with what it served before."""

    code = "nginx_not_reloaded"
    hint = "`said` is what nginx says."


class NotSwitched(Unavailable):
    """It could not be shown that nginx serves the new release; it serves what it served before."""

    code = "not_switched"
    hint = "`said` is what nginx says."


class CertificateUnreadable(Invalid):
    """This is no chain of certificates in PEM."""

    code = "certificate_unreadable"
    hint = "Send the certificate itself first, then those between it and the authority."


class CertificateKeyMismatch(Invalid):
    """The key is not the key of this certificate."""

    code = "certificate_key_mismatch"


class CertificateWrongDomain(Invalid):
    """The certificate is not good for this domain."""

    code = "certificate_wrong_domain"
    hint = "`names` are those that it is good for."


class CertificateExpired(Invalid):
    """The certificate is not valid at this time."""

    code = "certificate_expired"


class NoSuchDeployment(NotFound):
    """There is no such deployment."""

    code = "deployment_not_found"


class DeploymentOver(Conflict):
    """This deployment cannot be cancelled any more."""

    code = "deployment_over"
    hint = "Roll back instead, with `monoize rollback`."


class NoSuchRelease(NotFound):
    """There is no such release."""

    code = "release_not_found"
    hint = "`monoize releases` lists those of a service."


class NothingToRollBackTo(Conflict):
    """No release that served before is kept."""

    code = "nothing_to_roll_back_to"
    hint = "Name a release of `monoize releases`, or deploy another image."


class ReleaseNotKept(Conflict):
    """This release never served, or its image is kept no longer."""

    code = "release_not_kept"
    hint = "Deploy its image again, if a registry still has it."


class ReleaseServes(Conflict):
    """This release is the one that serves."""

    code = "release_serves"


class NoSuchBuild(NotFound):
    """There is no such build."""

    code = "build_not_found"


class BuildOver(Conflict):
    """This build has ended."""

    code = "build_over"


class NoSource(Conflict):
    """This service is not built from a repository."""

    code = "no_source"
    hint = "Say which one with `monoize builds source`."


class WebhookRefused(Unauthenticated):
    """This delivery is not signed with the secret of this project."""

    code = "webhook_refused"
    hint = "Set the project's secret, of `monoize builds webhook`, in the settings of the webhook."


class WebhookUnreadable(BadRequest):
    """This delivery cannot be read."""

    code = "webhook_unreadable"


class NoSuchCertificate(NotFound):
    """There is no such certificate."""

    code = "certificate_not_found"


class CertificateExists(Conflict):
    """There is a certificate for this domain."""

    code = "certificate_exists"
    hint = "Replace it, or delete it first."


class CertificateInUse(Conflict):
    """A route shows this certificate."""

    code = "certificate_in_use"
    hint = "`monoize routes list --domain DOMAIN` shows which."


class NoSuchDomain(NotFound):
    """There is no such domain."""

    code = "domain_not_found"


class DomainExists(Conflict):
    """This domain is known already."""

    code = "domain_exists"


class DomainInUse(Conflict):
    """Routes depend on this domain."""

    code = "domain_in_use"
    hint = "Delete its routes first."


class DomainNotVerified(Conflict):
    """It has not been shown that this domain is yours."""

    code = "domain_not_verified"
    hint = "Write the records that it names into DNS, then `monoize domains verify DOMAIN`."


class DnsUnavailable(Unavailable):
    """No name server answered."""

    code = "dns_unavailable"
    hint = "Try again shortly; dns_resolvers says who is asked."


class DnsProviderNotSetUp(Conflict):
    """Monoize cannot write the records of this domain."""

    code = "dns_provider_not_set_up"
    hint = "Set MONOIZE_CLOUDFLARE_API_TOKEN to a token for its zone at Cloudflare, or write them yourself."


class DnsProviderRefused(Unavailable):
    """The provider of this domain's DNS did not do what it was asked to do."""

    code = "dns_provider_refused"
    hint = "`said` is what it says."


class WildcardNeedsDns(Conflict):
    """A certificate for a wildcard is issued only to whoever can write its DNS."""

    code = "wildcard_needs_dns"
    hint = "Set MONOIZE_CLOUDFLARE_API_TOKEN, or upload a certificate."


class NotIssuedHere(Conflict):
    """No certificate can be issued for this."""

    code = "not_issued_here"
    hint = "Set MONOIZE_NGINX, through which the domain is proven, or upload a certificate."


class NoSuchWebhook(NotFound):
    """This project has no webhook."""

    code = "webhook_not_found"


class NoSuchDelivery(NotFound):
    """This project was told no such thing."""

    code = "delivery_not_found"
    hint = "`monoize builds deliveries PROJECT` lists what came; it is kept for 30 days."


class DeliveryIsNoPush(Conflict):
    """This delivery tells of no commit on a branch."""

    code = "delivery_no_push"


class NothingFollows(Conflict):
    """No service of this project follows from this push."""

    code = "nothing_follows"
    hint = "`monoize builds source SERVICE` says what a service is built from; pushes need `--auto-deploy`."


class ServiceBusy(Conflict):
    """This service is being deployed."""

    code = "service_busy"
    hint = "Wait for it, or `monoize deploy cancel` it."


class RemovalOver(Conflict):
    """This removal is done."""

    code = "removal_done"


class RouteOfAdministrators(Forbidden):
    """Routes to machines and to the gateway are for administrators."""

    code = "route_of_administrators"


class NoSuchBackup(NotFound):
    """There is no such backup here."""

    code = "backup_not_found"


class BackupBeingMade(Conflict):
    """A backup is being made at this moment."""

    code = "backup_being_made"
    hint = "Wait until it is in the list."


class BackupNotMade(Unavailable):
    """The backup could not be made; nothing is left of it."""

    code = "backup_not_made"
    hint = "`said` says why."


class BackupRefused(Invalid):
    """This backup cannot be brought back here; nothing was changed."""

    code = "backup_refused"
    hint = "`said` says why."


class RestoredByHand(Conflict):
    """A database of a server is filled by the command line, while it is empty."""

    code = "restored_by_hand"
    hint = "Make a new database, name it in MONOIZE_DATABASE_DSN, `monoize backup restore FILE`, and start."


class NothingLaidReady(NotFound):
    """No restore is laid ready."""

    code = "no_restore_laid_ready"
