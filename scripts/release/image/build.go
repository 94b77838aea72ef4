package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// user and group of the init container: nobody in particular, and not root. The
// number is that of distroless's nonroot.
const user = "65532:65532"

const (
	library = "flb-filter_secretwatch.so"
	output  = "out_secretwatch.so"
	// licenses of what is linked into the files (scripts/release/sbom).
	licenses = "THIRD-PARTY-LICENSES"
)

// build is what images are made of.
type build struct {
	stage, license    string // paths
	config, plugins   string // paths, for fluentBitImages
	version, revision string
	created           time.Time
}

// architectures returns those that are in stage.
func (b *build) architectures() (found []string, err error) {
	for _, arch := range []string{"amd64", "arm64"} {
		if _, err := os.Stat(filepath.Join(b.stage, arch, library)); err == nil {
			found = append(found, arch)
		}
	}
	if found == nil {
		return nil, fmt.Errorf("%s has neither amd64/%s nor arm64/%[2]s; run scripts/stage.sh", b.stage, library)
	}
	return found, nil
}

// initImages returns the init container's image for each architecture.
func (b *build) initImages() (v1.ImageIndex, error) {
	architectures, err := b.architectures()
	if err != nil {
		return nil, err
	}
	index := emptyIndex()
	for _, arch := range architectures {
		layer, err := b.layer(types.OCILayer, []entry{
			{name: "copy-plugin", from: filepath.Join(b.stage, arch, "copy-plugin"), mode: 0o755},
			{name: "plugins/"},
			{name: "plugins/" + library, from: filepath.Join(b.stage, arch, library), mode: 0o644},
			{name: "plugins/" + output, link: library},
			{name: "LICENSE", from: b.license, mode: 0o644},
			{name: licenses, from: filepath.Join(b.stage, licenses), mode: 0o644},
		})
		if err != nil {
			return nil, err
		}
		image := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
		image = mutate.ConfigMediaType(image, types.OCIConfigJSON)
		image, err = b.extend(image, layer, types.OCILayer, func(c *v1.ConfigFile) {
			c.OS, c.Architecture = "linux", arch
			c.Config.User = user
			c.Config.WorkingDir = "/"
			c.Config.Entrypoint = []string{"/copy-plugin"}
			c.Config.Labels = b.annotations("secretwatch", "Copies the Fluent Bit plugin secretwatch into a volume")
		})
		if err != nil {
			return nil, err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{
			Platform: &v1.Platform{OS: "linux", Architecture: arch},
		}})
	}
	return b.annotate(index, b.annotations("secretwatch", "Copies the Fluent Bit plugin secretwatch into a volume")), nil
}

// fluentBitImages returns the images in base with the library in /fluent-bit/plugins
// and configurations for it in /fluent-bit/etc: plugins.conf for the classic ones, and
// secretwatch.yaml, with which it starts if nobody says otherwise.
func (b *build) fluentBitImages(ref name.Reference, base v1.ImageIndex) (v1.ImageIndex, error) {
	architectures, err := b.architectures()
	if err != nil {
		return nil, err
	}
	manifest, err := base.IndexManifest()
	if err != nil {
		return nil, err
	}
	index := emptyIndex()
	for _, arch := range architectures {
		at := -1
		for i, m := range manifest.Manifests {
			if m.Platform != nil && m.Platform.OS == "linux" && m.Platform.Architecture == arch {
				at = i
			}
		}
		if at < 0 {
			return nil, fmt.Errorf("%s has no image for linux/%s", ref, arch)
		}
		image, err := base.Image(manifest.Manifests[at].Digest)
		if err != nil {
			return nil, err
		}
		mediaType, err := image.MediaType()
		if err != nil {
			return nil, err
		}
		layerType := types.DockerLayer
		if mediaType == types.OCIManifestSchema1 {
			layerType = types.OCILayer
		}
		const plugins, etc = "fluent-bit/plugins/", "fluent-bit/etc/"
		layer, err := b.layer(layerType, []entry{
			{name: plugins},
			{name: plugins + library, from: filepath.Join(b.stage, arch, library), mode: 0o644},
			{name: plugins + output, link: library},
			{name: plugins + "LICENSE", from: b.license, mode: 0o644},
			{name: plugins + licenses, from: filepath.Join(b.stage, licenses), mode: 0o644},
			{name: etc + "plugins.conf", from: b.plugins, mode: 0o644},
			{name: etc + "secretwatch.yaml", from: b.config, mode: 0o644},
		})
		if err != nil {
			return nil, err
		}
		image, err = b.extend(image, layer, layerType, func(c *v1.ConfigFile) {
			c.Config.Cmd = []string{"-c", "/" + etc + "secretwatch.yaml"}
			if c.Config.Labels == nil {
				c.Config.Labels = map[string]string{}
			}
			for k, v := range b.fluentBitAnnotations(ref, manifest.Manifests[at].Digest) {
				c.Config.Labels[k] = v
			}
		})
		if err != nil {
			return nil, err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{
			Platform: manifest.Manifests[at].Platform,
		}})
	}
	digest, err := base.Digest()
	if err != nil {
		return nil, err
	}
	return b.annotate(index, b.fluentBitAnnotations(ref, digest)), nil
}

func emptyIndex() v1.ImageIndex { return mutate.IndexMediaType(empty.Index, types.OCIImageIndex) }

// extend puts a layer on an image and lets change alter its configuration.
func (b *build) extend(image v1.Image, layer v1.Layer, layerType types.MediaType, change func(*v1.ConfigFile)) (v1.Image, error) {
	image, err := mutate.Append(image, mutate.Addendum{
		Layer:     layer,
		MediaType: layerType,
		History:   v1.History{Created: v1.Time{Time: b.created}, CreatedBy: "secretwatch " + b.version},
	})
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.Created = v1.Time{Time: b.created}
	change(config)
	return mutate.ConfigFile(image, config)
}

// annotations are those of https://specs.opencontainers.org/image-spec/annotations/.
func (b *build) annotations(title, description string) map[string]string {
	const key = "org.opencontainers.image."
	all := map[string]string{
		key + "title":       title,
		key + "description": description,
		key + "version":     b.version,
		key + "created":     b.created.Format(time.RFC3339),
		key + "source":      "https://github.com/secretwatch/secretwatch",
		key + "licenses":    "Apache-2.0",
	}
	if b.revision != "" {
		all[key+"revision"] = b.revision
	}
	return all
}

func (b *build) fluentBitAnnotations(base name.Reference, digest v1.Hash) map[string]string {
	all := b.annotations("Fluent Bit with secretwatch", "Fluent Bit with the plugin secretwatch")
	all["org.opencontainers.image.base.name"] = base.Name()
	all["org.opencontainers.image.base.digest"] = digest.String()
	return all
}

func (b *build) annotate(index v1.ImageIndex, annotations map[string]string) v1.ImageIndex {
	return mutate.Annotations(index, annotations).(v1.ImageIndex)
}

// entry is a file, a link or, without either, a directory of a layer. They belong
// to root, so that whoever runs the container cannot change them.
type entry struct {
	name string
	from string // file with the content
	link string
	mode int64
}

// layer packs entries into a layer of a media type.
func (b *build) layer(mediaType types.MediaType, entries []entry) (v1.Layer, error) {
	var packed bytes.Buffer
	w := tar.NewWriter(&packed)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Mode: e.mode, ModTime: b.created, Format: tar.FormatPAX}
		var content []byte
		switch {
		case e.from != "":
			var err error
			if content, err = os.ReadFile(e.from); err != nil {
				return nil, err
			}
			h.Typeflag, h.Size = tar.TypeReg, int64(len(content))
		case e.link != "":
			h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, e.link, 0o777
		default:
			h.Typeflag, h.Mode = tar.TypeDir, 0o755
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(packed.Bytes())), nil }
	return tarball.LayerFromOpener(open, tarball.WithMediaType(mediaType), tarball.WithCompressedCaching)
}
