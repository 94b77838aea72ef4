// Command image assembles the container images, without a container engine:
//
//   - secretwatch: an init container that copies the library into a volume. Nothing
//     is in it but the library and the program that copies it.
//   - fluent-bit: the image -base, such as the official one of Fluent Bit, with the
//     library inside. Made if -base is given; it is fetched from its registry.
//
// Both are for all architectures in -stage (scripts/stage.sh). In -out it writes
// NAME.oci.tar, an OCI layout of all architectures, and NAME-ARCHITECTURE.tar for
// `docker load`. With -push they go to -registry as well. The same input gives the
// same bytes.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

func main() {
	var b build
	var created int64
	var base string
	flag.StringVar(&b.stage, "stage", "", "directory with a directory for each architecture")
	flag.StringVar(&b.license, "license", "", "file with the license")
	flag.StringVar(&b.config, "config", "", "configuration with which the image made from -base starts")
	flag.StringVar(&b.plugins, "plugins", "", "plugins.conf of the image made from -base")
	flag.StringVar(&b.version, "version", "dev", "version, and tag of the images")
	flag.StringVar(&b.revision, "revision", "", "commit it was built from")
	flag.Int64Var(&created, "created", 0, "time of the commit, in seconds since 1970")
	flag.StringVar(&base, "base", "", "image of Fluent Bit to put the library into")
	out := flag.String("out", "", "directory to write to")
	registry := flag.String("registry", "ghcr.io/secretwatch", "registry and path before the images' names")
	push := flag.Bool("push", false, "send the images to the registry, with the credentials docker login or the like left")
	flag.Parse()
	b.created = time.Unix(created, 0).UTC()
	if err := run(&b, base, *out, *registry, *push); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

// run makes the images one after the other, so that the first is there even if the
// base of the second cannot be fetched.
func run(b *build, base, out, registry string, push bool) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	options := []remote.Option{remote.WithAuthFromKeychain(authn.DefaultKeychain)}
	finish := func(short string, index v1.ImageIndex, err error) error {
		if err != nil {
			return err
		}
		ref, err := name.NewTag(registry + "/" + short + ":" + b.version)
		if err != nil {
			return err
		}
		if err := write(filepath.Join(out, short), ref, index); err != nil {
			return err
		}
		digest, err := index.Digest()
		if err != nil {
			return err
		}
		fmt.Printf("%s@%s in %s\n", ref, digest, filepath.Join(out, short+".oci.tar"))
		if !push {
			return nil
		}
		if err := remote.WriteIndex(ref, index, options...); err != nil {
			return fmt.Errorf("%s cannot be pushed: %w", ref, err)
		}
		fmt.Printf("%s@%s pushed\n", ref, digest)
		return nil
	}

	index, err := b.initImages()
	if err := finish("secretwatch", index, err); err != nil || base == "" {
		return err
	}
	ref, err := name.ParseReference(base)
	if err != nil {
		return err
	}
	fluentBit, err := fetch(ref, options)
	if err != nil {
		return fmt.Errorf("the base image %s cannot be fetched; with no base, only the init container image is made: %w", ref, err)
	}
	index, err = b.fluentBitImages(ref, fluentBit)
	return finish("fluent-bit", index, err)
}

// fetch returns the images of all architectures that a name stands for, or the one.
func fetch(ref name.Reference, options []remote.Option) (v1.ImageIndex, error) {
	d, err := remote.Get(ref, options...)
	if err != nil {
		return nil, err
	}
	if d.MediaType.IsIndex() {
		return d.ImageIndex()
	}
	image, err := d.Image()
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	return mutate.AppendManifests(emptyIndex(), mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: config.Platform()}}), nil
}
