package main

import (
	"archive/tar"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/stretchr/testify/require"
)

const root = "../../.."

// command runs a program to its end.
func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(t, err, "%s %q: %s", name, args, out)
	return string(out)
}

var staged = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "secretwatch-stage")
	if err != nil {
		return "", err
	}
	out, err := exec.Command(root+"/scripts/stage.sh", dir, runtime.GOARCH).CombinedOutput()
	if err != nil {
		return "", errors.New(string(out))
	}
	return dir, os.WriteFile(filepath.Join(dir, licenses), []byte("licenses of others\n"), 0o644)
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := staged(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

func newBuild(t *testing.T) *build {
	t.Helper()
	stage, err := staged()
	require.NoError(t, err)
	return &build{
		stage: stage, license: root + "/LICENSE", config: root + "/conf/image/secretwatch.yaml", plugins: root + "/conf/fluent-bit/plugins.conf",
		version: "v1.2.3", revision: "0123456789ab", created: time.Unix(1_790_000_000, 0).UTC(),
	}
}

// otherArchitecture makes a stage that has all architectures: the one of this
// machine twice.
func otherArchitecture(t *testing.T, b *build) {
	t.Helper()
	dir := t.TempDir()
	for _, arch := range []string{"amd64", "arm64"} {
		require.NoError(t, os.CopyFS(filepath.Join(dir, arch), os.DirFS(filepath.Join(b.stage, runtime.GOARCH))))
	}
	command(t, "cp", filepath.Join(b.stage, licenses), dir)
	b.stage = dir
}

// unpackLayout returns the index in an archive of an OCI layout.
func unpackLayout(t *testing.T, archive string) v1.ImageIndex {
	t.Helper()
	dir := t.TempDir()
	command(t, "tar", "-xf", archive, "-C", dir)
	path, err := layout.FromPath(dir)
	require.NoError(t, err)
	outer, err := path.ImageIndex()
	require.NoError(t, err)
	manifest, err := outer.IndexManifest()
	require.NoError(t, err)
	require.Len(t, manifest.Manifests, 1)
	require.Equal(t, "v1.2.3", manifest.Manifests[0].Annotations["org.opencontainers.image.ref.name"])
	index, err := outer.ImageIndex(manifest.Manifests[0].Digest)
	require.NoError(t, err)
	return index
}

// imageOf returns an architecture's image.
func imageOf(t *testing.T, index v1.ImageIndex, arch string) v1.Image {
	t.Helper()
	manifest, err := index.IndexManifest()
	require.NoError(t, err)
	for _, m := range manifest.Manifests {
		if m.Platform.Architecture == arch {
			image, err := index.Image(m.Digest)
			require.NoError(t, err)
			return image
		}
	}
	t.Fatalf("no image for %s", arch)
	return nil
}

// contents returns what a container of the image sees, names to headers.
func contents(t *testing.T, image v1.Image) map[string]*tar.Header {
	t.Helper()
	r := mutate.Extract(image)
	defer r.Close()
	all := map[string]*tar.Header{}
	for archive := tar.NewReader(r); ; {
		h, err := archive.Next()
		if err == io.EOF {
			return all
		}
		require.NoError(t, err)
		require.Zero(t, h.Uid, h.Name)
		require.True(t, h.Mode&0o022 == 0 || h.Typeflag == tar.TypeSymlink, h.Name)
		all[strings.TrimSuffix(h.Name, "/")] = h
	}
}

func TestInitImage(t *testing.T) {
	b := newBuild(t)
	out := t.TempDir()
	require.NoError(t, run(b, "", out, "registry.example/team", false))
	image := imageOf(t, unpackLayout(t, out+"/secretwatch.oci.tar"), runtime.GOARCH)

	config, err := image.ConfigFile()
	require.NoError(t, err)
	require.Equal(t, runtime.GOARCH, config.Architecture)
	require.Equal(t, "65532:65532", config.Config.User)
	require.Equal(t, []string{"/copy-plugin"}, config.Config.Entrypoint)
	require.Empty(t, config.Config.Cmd)
	require.Equal(t, "0123456789ab", config.Config.Labels["org.opencontainers.image.revision"])
	files := contents(t, image)
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	require.Equal(t, []string{"LICENSE", "THIRD-PARTY-LICENSES", "copy-plugin", "plugins", "plugins/flb-filter_secretwatch.so", "plugins/out_secretwatch.so"}, names)
	require.Equal(t, "flb-filter_secretwatch.so", files["plugins/out_secretwatch.so"].Linkname)

	// What `docker load` gets is the same image.
	tag, err := name.NewTag("registry.example/team/secretwatch:v1.2.3")
	require.NoError(t, err)
	loaded, err := tarball.ImageFromPath(out+"/secretwatch-"+runtime.GOARCH+".tar", &tag)
	require.NoError(t, err)
	want, err := image.ConfigName()
	require.NoError(t, err)
	got, err := loaded.ConfigName()
	require.NoError(t, err)
	require.Equal(t, want, got)

	// Once more, and nothing differs.
	again := t.TempDir()
	require.NoError(t, run(b, "", again, "registry.example/team", false))
	command(t, "diff", "-r", out, again)
}

// The container runs as it does in Kubernetes: not as root, its own files read-only,
// no capabilities, and with a volume that belongs to its group. What it leaves there
// is loaded by a host.
func TestInitContainer(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root may mount a root file system read-only and go on as somebody else")
	}
	if out, err := exec.Command("unshare", "--mount", "true").CombinedOutput(); err != nil {
		t.Skipf("no mount namespace: %v: %s", err, out)
	}
	b := newBuild(t)
	out := t.TempDir()
	require.NoError(t, run(b, "", out, "registry.example/team", false))
	image := imageOf(t, unpackLayout(t, out+"/secretwatch.oci.tar"), runtime.GOARCH)
	config, err := image.ConfigFile()
	require.NoError(t, err)

	fs, volume := t.TempDir(), t.TempDir()
	require.NoError(t, os.Chmod(fs, 0o755))
	require.NoError(t, os.Chmod(filepath.Dir(fs), 0o755))
	require.NoError(t, os.Mkdir(fs+"/opt", 0o755))
	require.NoError(t, os.Mkdir(fs+"/opt/secretwatch", 0o755))
	extracted := mutate.Extract(image)
	defer extracted.Close()
	untar := exec.Command("tar", "-x", "-C", fs)
	untar.Stdin = extracted
	text, err := untar.CombinedOutput()
	require.NoError(t, err, string(text))

	// As a kubelet does for fsGroup.
	_, gid, _ := strings.Cut(config.Config.User, ":")
	group, err := strconv.Atoi(gid)
	require.NoError(t, err)
	require.NoError(t, os.Chown(volume, 0, group))
	require.NoError(t, os.Chmod(volume, 0o2775))

	const container = `
		set -eu
		mount --bind "$1" "$1"
		mount -o remount,ro,bind "$1"
		mount --bind "$2" "$1/opt/secretwatch"
		exec setpriv --no-new-privs chroot --userspec="$3" --groups= "$1" "$4" "$5"`
	start := func(dir string) (string, error) {
		out, err := exec.Command("unshare", "--mount", "sh", "-c", container, "container",
			fs, volume, config.Config.User, config.Config.Entrypoint[0], dir).CombinedOutput()
		return string(out), err
	}
	said, err := start("/opt/secretwatch/")
	require.NoError(t, err, said)
	require.Contains(t, said, "copied to /opt/secretwatch/flb-filter_secretwatch.so, with the link out_secretwatch.so")
	said, err = start("/opt/secretwatch/")
	require.NoError(t, err, said)
	require.Contains(t, said, "are there already")
	said, err = start("/opt")
	require.Error(t, err)
	require.Contains(t, said, "read-only file system")
	require.NoError(t, os.Chmod(volume, 0o755))
	require.NoError(t, os.Remove(volume+"/out_secretwatch.so"))
	said, err = start("/opt/secretwatch/")
	require.Error(t, err)
	require.Contains(t, said, "user 65532, group 65532 may not write there; set fsGroup")
	require.NoError(t, os.Chmod(volume, 0o2775))
	_, err = start("/opt/secretwatch/")
	require.NoError(t, err)

	hosts := t.TempDir()
	command(t, root+"/test/host/build.sh", hosts)
	require.Contains(t, command(t, hosts+"/host-v5", "-h", volume+"/flb-filter_secretwatch.so"), "learning_period")
	load := exec.Command(hosts+"/host-output", "--prop", "target=stdout", volume+"/out_secretwatch.so")
	load.Stdin = strings.NewReader("{}\n")
	text, err = load.CombinedOutput()
	require.NoError(t, err, string(text))
}

// startRegistry starts an empty registry and returns its address.
func startRegistry(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// pushBase puts something like the official image into a registry: of several
// architectures, with an entry point.
func pushBase(t *testing.T, ref name.Reference) v1.ImageIndex {
	t.Helper()
	var index v1.ImageIndex = emptyIndex()
	for _, p := range []v1.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm64"}, {OS: "linux", Architecture: "arm", Variant: "v7"}} {
		image, err := random.Image(1000, 2)
		require.NoError(t, err)
		config, err := image.ConfigFile()
		require.NoError(t, err)
		config = config.DeepCopy()
		config.OS, config.Architecture, config.Variant = p.OS, p.Architecture, p.Variant
		config.Config.Entrypoint = []string{"/fluent-bit/bin/fluent-bit"}
		config.Config.Cmd = []string{"/fluent-bit/bin/fluent-bit", "-c", "/fluent-bit/etc/fluent-bit.conf"}
		config.Config.Labels = map[string]string{"vendor": "somebody"}
		image, err = mutate.ConfigFile(image, config)
		require.NoError(t, err)
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: &p}})
	}
	require.NoError(t, remote.WriteIndex(ref, index))
	return index
}

func TestFluentBitImage(t *testing.T) {
	b := newBuild(t)
	otherArchitecture(t, b)
	address := startRegistry(t)
	ref, err := name.ParseReference(address + "/fluent/fluent-bit:5.1.1")
	require.NoError(t, err)
	base := pushBase(t, ref)
	require.NoError(t, run(b, ref.String(), t.TempDir(), address+"/secretwatch", true))

	pull := func(short string) v1.ImageIndex {
		ref, err := name.ParseReference(address + "/secretwatch/" + short + ":v1.2.3")
		require.NoError(t, err)
		index, err := remote.Index(ref)
		require.NoError(t, err)
		return index
	}
	pull("secretwatch")
	index := pull("fluent-bit")
	manifest, err := index.IndexManifest()
	require.NoError(t, err)
	require.Len(t, manifest.Manifests, 2)
	digest, err := base.Digest()
	require.NoError(t, err)
	require.Equal(t, digest.String(), manifest.Annotations["org.opencontainers.image.base.digest"])
	require.Equal(t, ref.Name(), manifest.Annotations["org.opencontainers.image.base.name"])
	for _, arch := range []string{"amd64", "arm64"} {
		image := imageOf(t, index, arch)
		config, err := image.ConfigFile()
		require.NoError(t, err)
		require.Equal(t, arch, config.Architecture)
		require.Equal(t, []string{"/fluent-bit/bin/fluent-bit"}, config.Config.Entrypoint)
		require.Equal(t, []string{"-c", "/fluent-bit/etc/secretwatch.yaml"}, config.Config.Cmd)
		require.Equal(t, "somebody", config.Config.Labels["vendor"])
		layers, err := image.Layers()
		require.NoError(t, err)
		before, err := imageOf(t, base, arch).Layers()
		require.NoError(t, err)
		require.Len(t, layers, len(before)+1)
		for i := range before {
			want, _ := before[i].Digest()
			got, _ := layers[i].Digest()
			require.Equal(t, want, got)
		}
		files := contents(t, image)
		require.NotNil(t, files["fluent-bit/plugins/flb-filter_secretwatch.so"])
		require.Equal(t, "flb-filter_secretwatch.so", files["fluent-bit/plugins/out_secretwatch.so"].Linkname)
		require.NotNil(t, files["fluent-bit/etc/plugins.conf"])
		require.NotNil(t, files["fluent-bit/etc/secretwatch.yaml"])
	}
}

// A base of one architecture is enough for who needs only that one.
func TestFluentBitImageOfOne(t *testing.T) {
	b := newBuild(t)
	address := startRegistry(t)
	ref, err := name.ParseReference(address + "/own/fluent-bit:1")
	require.NoError(t, err)
	require.NoError(t, remote.Write(ref, imageOf(t, pushBase(t, ref), runtime.GOARCH)))
	out := t.TempDir()
	require.NoError(t, run(b, ref.String(), out, "registry.example/team", false))
	files := contents(t, imageOf(t, unpackLayout(t, out+"/fluent-bit.oci.tar"), runtime.GOARCH))
	require.NotNil(t, files["fluent-bit/plugins/flb-filter_secretwatch.so"])

	otherArchitecture(t, b)
	require.ErrorContains(t, run(b, ref.String(), t.TempDir(), "registry.example/team", false), "has no image for linux/")
}

func TestFails(t *testing.T) {
	b := newBuild(t)
	out := t.TempDir()
	s := httptest.NewServer(nil)
	address := s.Listener.Addr().String()
	s.Close()
	err := run(b, address+"/fluent/fluent-bit:5.1.1", out, "registry.example/team", false)
	require.ErrorContains(t, err, "cannot be fetched; with no base, only the init container image is made")
	_, err = os.Stat(out + "/secretwatch.oci.tar")
	require.NoError(t, err)

	b.stage = t.TempDir()
	require.ErrorContains(t, run(b, "", t.TempDir(), "registry.example/team", false), "run scripts/stage.sh")
	b = newBuild(t)
	b.version = "no tag"
	require.ErrorContains(t, run(b, "", t.TempDir(), "registry.example/team", false), "no tag")
}
