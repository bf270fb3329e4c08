"""The VTK side: one off-screen window in which quad soups are drawn unlit, as pictures, object maps or depth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrs.errors import HRSError
from hrs.street.soup import IN_IMAGE, IN_LABEL, Soup
from hrs.street.textures import Material, texture
from hrs.street.world import FAR, NEAR, Scene

_REACH = 46.0
"""Half the height of the ground that the sun's camera sees, metres."""
_SUN_DISTANCE = 150.0
_SUN_SHARE = 0.75
"""Part of the window's sides that the sun's picture takes; a multiple of 1/4, so that it ends on a whole pixel."""
_OBJECTS, _SUN = "objects", "sun"
_FAINT = 0.4
"""A sun this weak casts no shadow that one could see."""


@dataclass(frozen=True, kw_only=True)
class Layers:
    """What the window gave, row 0 at the top.

    albedo: (h w 3) uint8, unlit colours; owner: (h w) uint16, the object at each pixel, 0 for sky;
    facing: (h w) float32, cosine between surface and sun in 0..1; depth: (h w) float32, metres ahead of the camera;
    sun_depth: (h w) float32, metres from the sun's camera; sun_frame: its rows right, up, ahead; sun_at: its position.
    """

    albedo: NDArray[np.uint8]
    owner: NDArray[np.uint16]
    facing: NDArray[np.float32]
    depth: NDArray[np.float32]
    sun_depth: NDArray[np.float32]
    sun_frame: NDArray[np.float64]
    sun_at: NDArray[np.float64]
    sun_reach: float
    texture_seed: int


class Stage:
    """One window of a fixed size. What it draws depends on the scene alone, never on what it drew before."""

    def __init__(self, height: int, width: int) -> None:
        import vtkmodules.vtkRenderingOpenGL2 as gl
        from vtkmodules.vtkCommonCore import vtkLogger, vtkObject
        from vtkmodules.vtkRenderingCore import vtkRenderer, vtkRenderWindow

        vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_OFF)
        vtkObject.GlobalWarningDisplayOff()
        self.size = (height, width)
        # EGL needs no display; where VTK has no EGL (macOS, Windows) its own choice of window draws off screen.
        self.window: Any = gl.vtkEGLRenderWindow() if hasattr(gl, "vtkEGLRenderWindow") else vtkRenderWindow()
        self.window.SetOffScreenRendering(True)
        self.window.SetMultiSamples(0)
        self.window.SetSize(width, height)
        self.renderer: Any = vtkRenderer()
        self.renderer.SetBackground(0, 0, 0)
        self.window.AddRenderer(self.renderer)
        self._actors: dict[str, Any] = {}
        for key in (_OBJECTS, _SUN):
            self._add_actor(key)

    def probe(self) -> bool:
        """Draw nothing and read it back."""
        self._render()
        return self._colours().shape == (*self.size, 3)

    def draw(self, scene: Scene, texture_seed: int) -> Layers:
        """Draw the three passes of one scene: picture, objects, sun."""
        in_view = _in_view(scene)
        marked = scene.soup.flags & IN_LABEL > 0
        height, width = self.size
        view = scene.view
        self._aim(
            np.array(view.position), view.axes, angle=2 * np.degrees(np.arctan(height / width / (2 * view.focal)))
        )
        shown = in_view & (scene.soup.flags & IN_IMAGE > 0)
        self._show(self._pictured(scene.soup, shown, texture_seed))
        albedo = self._colours()
        self._show({_OBJECTS: self._marked(scene, marked & in_view)})
        packed = self._colours()
        depth = np.float32(NEAR * FAR) / (np.float32(FAR) - self._depths() * np.float32(FAR - NEAR))
        sun = np.array(scene.mood.sun)
        frame, at = _sun_frame(sun)
        near, far = 1.0, 2 * _SUN_DISTANCE
        if max(scene.mood.sun_colour) > _FAINT:
            self._aim(at, frame, reach=_REACH)
            self._show({_SUN: _mesh(scene.soup.quads[marked], None, None)}, share=_SUN_SHARE)
            rows, columns = round(height * _SUN_SHARE), round(width * _SUN_SHARE)
            sun_depth = near + self._depths()[height - rows :, :columns] * (far - near)
        else:
            sun_depth = np.full((2, 2), far, np.float32)
        return Layers(
            albedo=albedo,
            owner=packed[..., 0].astype(np.uint16) * 256 + packed[..., 1],
            facing=packed[..., 2].astype(np.float32) / np.float32(255),
            depth=depth,
            sun_depth=sun_depth,
            sun_frame=frame,
            sun_at=at,
            sun_reach=_REACH,
            texture_seed=texture_seed,
        )

    def _aim(
        self, at: NDArray[np.float64], axes: NDArray[np.float64], *, angle: float = 30.0, reach: float | None = None
    ) -> None:
        camera = self.renderer.GetActiveCamera()
        camera.SetPosition(*at)
        camera.SetFocalPoint(*(at + axes[2]))
        camera.SetViewUp(*axes[1])
        camera.SetViewAngle(angle)
        camera.SetParallelProjection(reach is not None)
        if reach is not None:
            camera.SetParallelScale(reach)
            camera.SetClippingRange(1.0, 2 * _SUN_DISTANCE)
        else:
            camera.SetClippingRange(NEAR, FAR)

    def _show(self, shown: dict[str, Any], *, share: float = 1.0) -> None:
        """Draw the given meshes, each on the actor of its key, and nothing else."""
        self.renderer.SetViewport(0, 0, share, share)
        for key, actor in self._actors.items():
            actor.SetVisibility(key in shown)
        for key, mesh in shown.items():
            self._actors[key].GetMapper().SetInputData(mesh)
        self._render()

    def _render(self) -> None:
        """Raises HRSError where this OpenGL cannot draw so large a picture: the window would give a blank one."""
        from vtkmodules.vtkRenderingOpenGL2 import vtkTextureObject

        self.window.Render()
        most = vtkTextureObject.GetMaximumTextureSize(self.window)
        if 0 < most < max(self.size):
            height, width = self.size
            raise HRSError(
                f"a drawing of {width}x{height} samples is too large for the OpenGL of this machine, which draws "
                f"{most} a side; choose a smaller height and width"
            )

    def _colours(self) -> NDArray[np.uint8]:
        from vtkmodules.util.numpy_support import vtk_to_numpy
        from vtkmodules.vtkCommonCore import vtkUnsignedCharArray

        height, width = self.size
        data = vtkUnsignedCharArray()
        self.window.GetPixelData(0, 0, width - 1, height - 1, 0, data, 0)
        return np.ascontiguousarray(vtk_to_numpy(data).reshape(height, width, 3)[::-1])

    def _depths(self) -> NDArray[np.float32]:
        from vtkmodules.util.numpy_support import vtk_to_numpy
        from vtkmodules.vtkCommonCore import vtkFloatArray

        height, width = self.size
        data = vtkFloatArray()
        self.window.GetZbufferData(0, 0, width - 1, height - 1, data)
        return np.ascontiguousarray(vtk_to_numpy(data).reshape(height, width)[::-1])

    def _pictured(self, soup: Soup, shown: NDArray[np.bool_], seed: int) -> dict[str, Any]:
        up = soup.normal[..., 2:]
        # Undersides and walls near the ground see less sky: a cheap stand-in for ambient occlusion.
        low = np.clip(soup.quads[..., 2:] / 1.2 + 0.3 + (up > 0.9), 0, 1)
        colour = soup.colour * (0.9 + 0.1 * up) * (0.8 + 0.2 * low)
        rgb = (np.clip(colour, 0, 1) * 255).astype(np.uint8)
        meshes = {}
        for material in Material:
            chosen = shown & (soup.material == material)
            if chosen.any():
                key = self._material_actor(seed, material)
                meshes[key] = _mesh(soup.quads[chosen], rgb[chosen], soup.uv[chosen] if material else None)
        return meshes

    def _marked(self, scene: Scene, marked: NDArray[np.bool_]) -> Any:
        owner = scene.owner[marked]
        facing = np.clip(scene.soup.normal[marked] @ np.array(scene.mood.sun, np.float32), 0, 1)
        rgb = np.empty((len(owner), 4, 3), np.uint8)
        rgb[..., 0], rgb[..., 1] = (owner >> 8)[:, None], (owner & 255)[:, None]
        rgb[..., 2] = np.round(facing * 255)
        return _mesh(scene.soup.quads[marked], rgb, None)

    def _material_actor(self, seed: int, material: Material) -> str:
        """The key of the actor that carries a texture. Actors stay in the window: a removed one drops its texture."""
        key = f"{material.name} {seed}"
        if key not in self._actors:
            self._add_actor(key)
            if material:
                self._actors[key].SetTexture(_texture(seed, material))
        return key

    def _add_actor(self, key: str) -> None:
        from vtkmodules.vtkRenderingCore import vtkActor, vtkPolyDataMapper

        mapper = vtkPolyDataMapper()
        mapper.SetColorModeToDirectScalars()
        mapper.SetScalarModeToUsePointData()
        actor = vtkActor()
        actor.SetMapper(mapper)
        actor.GetProperty().LightingOff()
        self._actors[key] = actor
        self.renderer.AddActor(actor)


def _texture(seed: int, material: Material) -> Any:
    from vtkmodules.util.numpy_support import numpy_to_vtk
    from vtkmodules.vtkCommonDataModel import vtkImageData
    from vtkmodules.vtkRenderingCore import vtkTexture

    pixels = texture(material, seed)[::-1]
    image = vtkImageData()
    image.SetDimensions(pixels.shape[1], pixels.shape[0], 1)
    image.GetPointData().SetScalars(numpy_to_vtk(pixels.reshape(-1, 3), deep=True))
    item = vtkTexture()
    item.SetInputData(image)
    item.SetRepeat(material != Material.DETAIL)
    item.SetInterpolate(True)
    item.SetMipmap(True)
    # Mesa filters in software, where anisotropy costs more than all else; each pixel is averaged from several anyway.
    item.SetMaximumAnisotropicFiltering(1.0)
    return item


def _in_view(scene: Scene) -> NDArray[np.bool_]:
    """Quads (n) that may reach into the picture: a ball around each against left, right and near sides."""
    view, quads = scene.view, scene.soup.quads
    centre = quads.mean(axis=1)
    radius = np.abs(quads - centre[:, None]).max(axis=(1, 2)) * np.float32(np.sqrt(3))
    local = (centre - np.array(view.position, np.float32)) @ view.axes.T.astype(np.float32)
    # Half the picture is 0.5 / focal wide at unit distance.
    side = np.float32(0.5 / view.focal)
    slack = radius * np.float32(np.sqrt(1 + side * side))
    inside = np.abs(local[:, 0]) < local[:, 2] * side + slack
    return np.asarray(inside & (local[:, 2] > NEAR - radius))


def _mesh(quads: NDArray[np.float32], rgb: NDArray[np.uint8] | None, uv: NDArray[np.float32] | None) -> Any:
    from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray
    from vtkmodules.vtkCommonCore import vtkPoints
    from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData

    n = len(quads)
    points = vtkPoints()
    points.SetData(numpy_to_vtk(np.ascontiguousarray(quads.reshape(-1, 3)), deep=True))
    corners = (4 * np.arange(n, dtype=np.int64)[:, None] + np.array([0, 1, 2, 0, 2, 3])).ravel()
    cells = vtkCellArray()
    offsets = np.arange(0, 6 * n + 1, 3, dtype=np.int64)
    cells.SetData(numpy_to_vtkIdTypeArray(offsets, deep=True), numpy_to_vtkIdTypeArray(corners, deep=True))
    data = vtkPolyData()
    data.SetPoints(points)
    data.SetPolys(cells)
    if rgb is not None:
        data.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(rgb.reshape(-1, 3)), deep=True))
    if uv is not None:
        data.GetPointData().SetTCoords(numpy_to_vtk(np.ascontiguousarray(uv.reshape(-1, 2)), deep=True))
    return data


def _sun_frame(sun: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Axes (right, up, ahead) and position of the sun's camera; it looks at a point 28 m down the street."""
    ahead = -sun / np.linalg.norm(sun)
    right = np.cross(ahead, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    return np.array([right, np.cross(right, ahead), ahead]), np.array([0.0, 28.0, 0.0]) - ahead * _SUN_DISTANCE
