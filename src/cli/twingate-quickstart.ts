/** `holdfast twingate quickstart`: a provider block and a working example of Twingate's Terraform provider for this place. */
import { loadServeConfig, type ServeConfig } from '../config/config.ts';
import { formatHostPort } from '../config/values.ts';
import { type CommandContext, configInput } from './command-context.ts';
import { flagsOf, type ParsedOptions, textOption, wantsJson } from './command-options.ts';
import { CommandError } from './exit.ts';
import { organizationByLabel, withInstallation } from './installation-command.ts';

interface ProviderAddress {
  /** The first label of the host, and the rest with the port: the provider joins them with a dot, behind https://. */
  readonly network: string;
  readonly url: string;
}

function providerAddress(origin: string): ProviderAddress {
  const { host } = new URL(origin);
  const dot = host.indexOf('.');
  if (host.startsWith('[') || dot <= 0) {
    throw new CommandError(
      `the provider needs a host name of several labels, or an IPv4 address, not ${host}: give --public-url`,
    );
  }
  return { network: host.slice(0, dot), url: host.slice(dot + 1) };
}

const originOf = ({ publicUrl, tls, listen }: ServeConfig): string =>
  publicUrl ?? `${tls === undefined ? 'http' : 'https'}://${formatHostPort(listen)}`;

const providerBlock = ({ network, url }: ProviderAddress): string => `terraform {
  required_providers {
    twingate = {
      source = "Twingate/twingate"
    }
  }
}

# The token is read from the variable TWINGATE_API_TOKEN.
provider "twingate" {
  network = "${network}"
  url     = "${url}"
}`;

/** `$` before a brace is Terraform's own. */
const example = (loginServer: string): string => `resource "twingate_remote_network" "office" {
  name = "Office"
}

resource "twingate_connector" "office" {
  remote_network_id = twingate_remote_network.office.id
}

resource "twingate_connector_tokens" "office" {
  connector_id = twingate_connector.office.id
}

resource "twingate_group" "operators" {
  name = "Operators"
}

resource "twingate_resource" "database" {
  name              = "Database"
  address           = "db.office.internal"
  remote_network_id = twingate_remote_network.office.id

  protocols = {
    allow_icmp = false
    tcp = {
      policy = "RESTRICTED"
      ports  = ["5432"]
    }
    udp = {
      policy = "RESTRICTED"
    }
  }

  access_group {
    group_id = twingate_group.operators.id
  }
}

# On a machine in the office, with IP forwarding on: terraform output -raw connector
output "connector" {
  sensitive = true
  value     = "tailscale up --login-server ${loginServer} --auth-key \${twingate_connector_tokens.office.access_token} --advertise-connector"
}`;

export async function twingateQuickstart(context: CommandContext, options: ParsedOptions): Promise<void> {
  const origin = originOf(loadServeConfig(configInput(context, flagsOf(options))));
  const label = textOption(options, 'org') ?? '';
  const organization = await withInstallation(context, options, async ({ store }) =>
    organizationByLabel(store, label),
  );
  const address = providerAddress(origin);
  const token = `holdfast token create --org ${organization.label} --user <EMAIL>`;
  const provider = providerBlock(address);
  const configuration = example(origin);
  const client = `tailscale up --login-server ${origin} --accept-routes`;
  if (wantsJson(options)) {
    context.print(
      JSON.stringify({
        organization: organization.label,
        ...address,
        login_server: origin,
        token_command: token,
        client_command: client,
        provider,
        example: configuration,
      }),
    );
  } else {
    context.print(`# ${token}\n\n${provider}\n\n${configuration}\n\n# On the devices of people: ${client}`);
  }
  if (!origin.startsWith('https://')) {
    context.note(
      `the provider speaks HTTPS alone, and ${origin} does not: serve with --tls-cert and --tls-key, or give the --public-url of the proxy in front`,
    );
  }
}
