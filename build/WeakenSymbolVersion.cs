using System;
using System.IO;
using System.Text;
using Microsoft.Build.Framework;
using Microsoft.Build.Utilities;

namespace Rudder.Build
{
    /// <summary>
    /// Copies an ELF library and marks one symbol version that it requires as weak. It then also loads where the system's library lacks
    /// that version. Why this is safe for libLibTorchSharp.so: docs/adr/0001-weak-symbol-version.md.
    /// </summary>
    /// <remarks>MSBuild compiles this file as an inline task (NativeLibraries.targets). The source file is only read.</remarks>
    public sealed class WeakenSymbolVersion : Task
    {
        private const uint VersionNeedsSection = 0x6ffffffe;    // SHT_GNU_verneed
        private const ushort WeakFlag = 2;                      // VER_FLG_WEAK

        /// <summary>The library in its package.</summary>
        [Required]
        public string Source { get; set; }

        /// <summary>Path of the changed copy. It is written under a temporary name and renamed.</summary>
        [Required]
        public string Destination { get; set; }

        /// <summary>The version to mark, for example GLIBCXX_3.4.32.</summary>
        [Required]
        public string Version { get; set; }

        /// <inheritdoc/>
        public override bool Execute()
        {
            byte[] file = File.ReadAllBytes(Source);
            try
            {
                if (Weaken(file, Version) != 1)
                {
                    Log.LogError($"{Source} does not require {Version} exactly once. The package has changed: check whether it still needs this step (docs/adr/0001-weak-symbol-version.md).");
                    return false;
                }
            }
            catch (Exception e) when (e is InvalidDataException || e is ArgumentException || e is IndexOutOfRangeException || e is OverflowException)
            {
                Log.LogError($"{Source} is not a 64-bit little-endian ELF library that this step can read: {e.Message}");
                return false;
            }

            Directory.CreateDirectory(Path.GetDirectoryName(Destination));
            string temporary = Destination + "." + Guid.NewGuid().ToString("N");
            File.WriteAllBytes(temporary, file);
            try
            {
                File.Delete(Destination);
                File.Move(temporary, Destination);
            }
            catch (IOException) when (File.Exists(Destination))
            {
                File.Delete(temporary);                         // a build beside this one was faster; its file is the same
            }

            return true;
        }

        /// <summary>Sets the weak flag on every required version of that name and returns their number.</summary>
        public static int Weaken(byte[] file, string version)
        {
            if (file.Length < 64 || BitConverter.ToUInt32(file, 0) != 0x464c457f || file[4] != 2 || file[5] != 1)
            {
                throw new InvalidDataException("the ELF header is missing.");
            }

            int sections = checked((int)BitConverter.ToInt64(file, 0x28)), size = BitConverter.ToUInt16(file, 0x3a), count = BitConverter.ToUInt16(file, 0x3c);
            for (int i = 0; i < count; i++)
            {
                int section = sections + (i * size);
                if (BitConverter.ToUInt32(file, section + 4) == VersionNeedsSection)
                {
                    int names = sections + (BitConverter.ToInt32(file, section + 0x28) * size);   // sh_link: its string table
                    return Weaken(file, version, checked((int)BitConverter.ToInt64(file, section + 0x18)), checked((int)BitConverter.ToInt64(file, names + 0x18)));
                }
            }

            throw new InvalidDataException("it has no section of required versions (.gnu.version_r).");
        }

        private static int Weaken(byte[] file, string version, int needs, int strings)
        {
            int changed = 0;
            for (int need = needs, next = 1; next != 0; need += next)
            {
                next = BitConverter.ToInt32(file, need + 12);                                      // vn_next
                int entry = need + BitConverter.ToInt32(file, need + 8);                           // vn_aux
                for (int left = BitConverter.ToUInt16(file, need + 2); left > 0; left--)           // vn_cnt
                {
                    int name = strings + BitConverter.ToInt32(file, entry + 8);                    // vna_name
                    int end = Array.IndexOf(file, (byte)0, name);
                    if (Encoding.ASCII.GetString(file, name, end - name) == version)
                    {
                        file[entry + 4] |= (byte)WeakFlag;                                         // vna_flags
                        changed++;
                    }

                    entry += BitConverter.ToInt32(file, entry + 12);                               // vna_next
                }
            }

            return changed;
        }
    }
}
