# The whole of the DNS settings in one resource.

variable "device" {}
variable "tagged_device" {}

resource "tailscale_dns_configuration" "all" {
  nameservers {
    address = "8.8.8.8"
  }
  nameservers {
    address            = "1.1.1.1"
    use_with_exit_node = true
  }
  split_dns {
    domain = "foo.example.com"
    nameservers {
      address            = "1.1.1.2"
      use_with_exit_node = true
    }
    nameservers {
      address = "1.1.1.3"
    }
  }
  search_paths       = ["example.com", "another.example.com"]
  override_local_dns = true
  magic_dns          = true
}
